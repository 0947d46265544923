-- Why: readings of what was published, when each post is read next, and a place for them that can shed old months.

-- ---------------------------------------------------------------------------------------------------------------
-- Partitions by month (UTC), without an extension and without a default partition
-- ---------------------------------------------------------------------------------------------------------------

-- Make sure that `parent` has a partition for the month of each moment. Writers call it before they write; any number
-- of them at once. Runs as the owner of the tables, so that a worker needs no right to create any.
CREATE FUNCTION socialcron.ensure_partitions(parent text, VARIADIC moments timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month timestamp;
    partition text;
BEGIN
    IF parent NOT IN ('post_metrics', 'profile_post_metrics') THEN
        RAISE EXCEPTION '% is not partitioned', quote_literal(parent) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR month IN SELECT DISTINCT date_trunc('month', moment AT TIME ZONE 'UTC') FROM unnest(moments) AS moment ORDER BY 1 LOOP
        partition := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
        CONTINUE WHEN to_regclass(format('socialcron.%I', partition)) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtext('socialcron.ensure_partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS socialcron.%I PARTITION OF socialcron.%I FOR VALUES FROM (%L) TO (%L)',
                       partition, parent, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION socialcron.ensure_partitions FROM PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------
-- Readings of our own posts
-- ---------------------------------------------------------------------------------------------------------------

-- One row per published post, narrow because it is written at each reading.
CREATE TABLE socialcron.metric_schedules (
    post_id     bigint PRIMARY KEY REFERENCES socialcron.posts ON DELETE CASCADE,
    account_id  bigint NOT NULL,
    posted_at   timestamptz NOT NULL,
    next_at     timestamptz,            -- when it is read next; null: never again
    slot_at     timestamptz,            -- the slot of the reading under way
    claim_token uuid,
    lease_until timestamptz,
    tries       smallint NOT NULL DEFAULT 0,  -- without an answer since the last reading
    gone_at     timestamptz,            -- when the platform said that the post is gone
    error_class text,
    last_error  text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX metric_schedules_due_idx ON socialcron.metric_schedules (next_at, post_id) WHERE next_at IS NOT NULL;

-- Null is "not reported", zero is a reported zero.
CREATE TABLE socialcron.post_metrics (
    post_id    bigint NOT NULL,
    account_id bigint NOT NULL,
    slot_at    timestamptz NOT NULL,    -- when it was to be read
    read_at    timestamptz NOT NULL,    -- when it was
    views      bigint,
    likes      bigint,
    comments   bigint,
    shares     bigint,
    saves      bigint,
    raw        jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (post_id, slot_at)
) PARTITION BY RANGE (slot_at);

-- A post that is out is read from now on. When first, the ladder of the next collect-metrics says.
CREATE FUNCTION socialcron.posts_after_posting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO socialcron.metric_schedules (post_id, account_id, posted_at, next_at)
    VALUES (NEW.id, NEW.account_id, NEW.posted_at, NEW.posted_at)
    ON CONFLICT (post_id) DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER posts_after_posting AFTER UPDATE OF posted_at ON socialcron.posts
    FOR EACH ROW WHEN (NEW.posted_at IS NOT NULL AND OLD.posted_at IS NULL)
    EXECUTE FUNCTION socialcron.posts_after_posting();

INSERT INTO socialcron.metric_schedules (post_id, account_id, posted_at, next_at)
SELECT id, account_id, posted_at, posted_at FROM socialcron.posts WHERE posted_at > now() - interval '30 days';

-- ---------------------------------------------------------------------------------------------------------------
-- For people who live in SQL
-- ---------------------------------------------------------------------------------------------------------------

CREATE VIEW socialcron.latest_metrics AS
SELECT s.post_id, s.account_id, a.platform, a.handle, p.url, s.posted_at, m.slot_at, m.read_at,
       m.views, m.likes, m.comments, m.shares, m.saves, s.next_at, s.gone_at
  FROM socialcron.metric_schedules AS s
  JOIN socialcron.posts AS p ON p.id = s.post_id
  JOIN socialcron.accounts AS a ON a.id = s.account_id
  LEFT JOIN LATERAL (SELECT * FROM socialcron.post_metrics AS r
                      WHERE r.post_id = s.post_id ORDER BY r.slot_at DESC LIMIT 1) AS m ON true;
COMMENT ON VIEW socialcron.latest_metrics IS 'the latest reading of each published post';

-- The last reading of each day against the last one of the day read before it.
CREATE VIEW socialcron.metrics_growth_per_day AS
SELECT post_id, account_id, day,
       views, views - lag(views) OVER earlier AS views_gained,
       likes, likes - lag(likes) OVER earlier AS likes_gained,
       comments, comments - lag(comments) OVER earlier AS comments_gained,
       shares, shares - lag(shares) OVER earlier AS shares_gained,
       saves, saves - lag(saves) OVER earlier AS saves_gained
  FROM (SELECT DISTINCT ON (post_id, day) *
          FROM (SELECT *, (slot_at AT TIME ZONE 'UTC')::date AS day FROM socialcron.post_metrics) AS dated
         ORDER BY post_id, day, slot_at DESC) AS last_of_day
WINDOW earlier AS (PARTITION BY post_id ORDER BY day);
COMMENT ON VIEW socialcron.metrics_growth_per_day IS 'what each post gained from day to day (UTC)';
