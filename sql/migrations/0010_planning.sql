-- Why: an account has hours at which it posts, and a post may come again and again without anybody writing it anew.

-- ---------------------------------------------------------------------------------------------------------------
-- Local times. One rule for slots and recurrences, that of RFC 5545: of two equal times the first is meant, and one
-- that the clocks skip is read with the offset before the gap, which puts it behind the gap.
-- ---------------------------------------------------------------------------------------------------------------

-- AT TIME ZONE alone takes the second of two equal times. The offset of a day earlier gives the first one, if it is one.
CREATE FUNCTION socialcron.local_moment(local timestamp, zone text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN earlier.moment AT TIME ZONE zone = local THEN earlier.moment ELSE later.moment END
      FROM (SELECT local AT TIME ZONE zone AS moment) AS later
     CROSS JOIN LATERAL (
        SELECT local AT TIME ZONE 'UTC'
               - ((later.moment - interval '24 hours') AT TIME ZONE zone
                  - (later.moment - interval '24 hours') AT TIME ZONE 'UTC') AS moment) AS earlier
$$;
COMMENT ON FUNCTION socialcron.local_moment IS 'what a local time means: the first of two, and behind a gap for a skipped one';
REVOKE ALL ON FUNCTION socialcron.local_moment FROM PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------
-- Slots
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE socialcron.queue_slots (
    account_id bigint NOT NULL REFERENCES socialcron.accounts ON DELETE CASCADE,
    weekday    smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),  -- 1 is Monday
    local_time time NOT NULL,
    zone       text NOT NULL CHECK (now() AT TIME ZONE zone IS NOT NULL),  -- IANA; an unknown one is an error
    PRIMARY KEY (account_id, weekday, local_time, zone)
);
COMMENT ON TABLE socialcron.queue_slots IS 'when an account posts what is added for its next free slot';

-- Drafts and held posts take a slot as well, and are not in posts_ready_idx. They are few, and so is what is in here.
CREATE INDEX posts_waiting_idx ON socialcron.posts (account_id, due_at) WHERE status = 'scheduled' AND ready_at IS NULL;

-- The next free slots of an account, soonest first: those at which no post of it is due that is still to go out.
-- They are looked for week by week, for ten years. Uses posts_ready_idx, posts_waiting_idx and posts_due_idx.
CREATE FUNCTION socialcron.free_slots(account_id bigint, after timestamptz, count integer) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 5 AS $$
#variable_conflict use_column
DECLARE
    begins timestamptz := free_slots.after;
    found_now timestamptz[];
    left_over integer := free_slots.count;
BEGIN
    FOR week IN 1..522 LOOP
        EXIT WHEN left_over <= 0;
        SELECT array_agg(free.moment ORDER BY free.moment) INTO found_now
          FROM (SELECT DISTINCT slot.moment
                  FROM socialcron.queue_slots AS s
                 CROSS JOIN generate_series(-1, 8) AS day
                 CROSS JOIN LATERAL (SELECT (begins AT TIME ZONE s.zone)::date + day AS date) AS d
                 CROSS JOIN LATERAL (SELECT socialcron.local_moment(d.date + s.local_time, s.zone) AS moment) AS slot
                 WHERE s.account_id = free_slots.account_id AND s.weekday = extract(isodow FROM d.date)
                   AND slot.moment > begins AND slot.moment <= begins + interval '168 hours'
                   AND NOT EXISTS (SELECT FROM socialcron.posts AS p
                                    WHERE p.account_id = s.account_id AND p.ready_at = slot.moment)
                   AND NOT EXISTS (SELECT FROM socialcron.posts AS p
                                    WHERE p.account_id = s.account_id AND p.due_at = slot.moment
                                      AND p.status = 'scheduled' AND p.ready_at IS NULL)
                   AND NOT EXISTS (SELECT FROM socialcron.posts AS p
                                    WHERE p.account_id = s.account_id AND p.due_at = slot.moment
                                      AND p.status IN ('processing', 'unconfirmed'))
                 ORDER BY slot.moment
                 LIMIT left_over) AS free;
        RETURN QUERY SELECT unnest(found_now);
        left_over := left_over - coalesce(cardinality(found_now), 0);
        begins := begins + interval '168 hours';
    END LOOP;
END $$;
COMMENT ON FUNCTION socialcron.free_slots IS 'the next free slots of an account, for looking at; next_slot is for taking one';
REVOKE ALL ON FUNCTION socialcron.free_slots FROM PUBLIC;

-- The next free slot of an account, kept for this transaction: whoever asks meanwhile waits, and then sees what was put
-- there. An advisory lock, because a lock on the account's row would hide the account from the claim.
--     SELECT socialcron.schedule_post(3, 'Hello', socialcron.next_slot(3));
CREATE FUNCTION socialcron.next_slot(account_id bigint, after timestamptz DEFAULT now() + interval '1 minute') RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    slot timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('socialcron.next_slot', account_id));
    SELECT free INTO slot FROM socialcron.free_slots(account_id, after, 1) AS free;
    IF slot IS NULL THEN  -- not null as the answer: a post without a time goes out at once
        RAISE EXCEPTION 'account % has no free slot', account_id
            USING ERRCODE = 'no_data_found', HINT = 'Set its hours: socialcron accounts slots ' || account_id || ' --set ...';
    END IF;
    RETURN slot;
END $$;
COMMENT ON FUNCTION socialcron.next_slot IS 'the next free slot of an account, kept until the transaction ends';
REVOKE ALL ON FUNCTION socialcron.next_slot FROM PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------
-- Recurrences: each occurrence is a row of `posts`, made some weeks ahead
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE socialcron.recurrences (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content_id   bigint NOT NULL REFERENCES socialcron.contents ON DELETE CASCADE,
    account_id   bigint NOT NULL REFERENCES socialcron.accounts ON DELETE CASCADE,
    rrule        text NOT NULL,                -- RFC 5545 without DTSTART; UNTIL is a local time
    starts_at    timestamp NOT NULL,           -- DTSTART, a local time in `zone`
    zone         text NOT NULL CHECK (now() AT TIME ZONE zone IS NOT NULL),
    priority     smallint NOT NULL DEFAULT 0,  -- of its posts
    max_attempts integer NOT NULL DEFAULT 4 CHECK (max_attempts BETWEEN 1 AND 100),
    filled_until timestamp,                    -- the last occurrence looked at, a local time; null: none yet
    fill_at      timestamptz DEFAULT now(),    -- when more posts are made; null: paused, ended, or there are no more
    paused_at    timestamptz,                  -- its posts have this as held_at
    ended_at     timestamptz,
    last_error   text,                         -- why it could not be filled
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (fill_at IS NULL OR (paused_at IS NULL AND ended_at IS NULL))
);
CREATE INDEX recurrences_fill_idx ON socialcron.recurrences (fill_at, id) WHERE fill_at IS NOT NULL;
CREATE INDEX recurrences_content_idx ON socialcron.recurrences (content_id);
CREATE INDEX recurrences_account_idx ON socialcron.recurrences (account_id);
COMMENT ON TABLE socialcron.recurrences IS 'posts that come again: a rule, and how far its posts are made';

ALTER TABLE socialcron.posts
    ADD COLUMN recurrence_id bigint REFERENCES socialcron.recurrences,
    ADD COLUMN occurs_at timestamptz;  -- its place on the recurrence's calendar; unlike due_at it is never moved
-- However many processes make the posts of a recurrence, each occurrence becomes one.
CREATE UNIQUE INDEX posts_recurrence_idx ON socialcron.posts (recurrence_id, occurs_at) WHERE recurrence_id IS NOT NULL;
