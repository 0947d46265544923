-- The queue: accounts, contents, posts and their attempts, and the triggers that keep their times true.

CREATE SCHEMA IF NOT EXISTS socialcron;

-- ---------------------------------------------------------------------------------------------------------------
-- Accounts
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE socialcron.accounts (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform         text NOT NULL CHECK (platform ~ '^[a-z][a-z0-9_]*$'),
    handle           text NOT NULL CHECK (handle <> ''),
    external_id      text,                                  -- the platform's own id; null until known
    settings         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    credentials      text,                                  -- encrypted by socialcron; null: none needed or not given yet
    token_version    integer NOT NULL DEFAULT 0,
    token_expires_at timestamptz,                           -- null: the token does not expire
    refreshed_at     timestamptz,
    refresh_claim    uuid,
    refresh_until    timestamptz,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'needs_reconnect', 'disabled')),
    autopost_enabled boolean NOT NULL DEFAULT true,
    last_error       text,
    blocked_until    timestamptz,                           -- a rate limit of the platform; null: not blocked
    next_due_at      timestamptz,                           -- when the claim should look here; null: a hint will say
    busy_token       uuid,                                  -- the run that works this account
    busy_until       timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (platform, external_id)
);
CREATE INDEX accounts_next_due_idx ON socialcron.accounts (next_due_at, id) WHERE next_due_at IS NOT NULL;
-- Credentials live here: nobody but the owner and roles named by a policy (sql/grants.sql) sees a row.
ALTER TABLE socialcron.accounts ENABLE ROW LEVEL SECURITY;

-- An account that becomes able to post is looked at by the next claim; one that stops leaves the claim's index.
-- Works on its own row only, so that it cannot deadlock with anybody.
CREATE FUNCTION socialcron.accounts_before_update() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    IF NEW.status <> 'active' OR NOT NEW.autopost_enabled THEN
        NEW.next_due_at := NULL;
    ELSIF OLD.status <> 'active' OR NOT OLD.autopost_enabled OR NEW.blocked_until IS DISTINCT FROM OLD.blocked_until THEN
        NEW.next_due_at := greatest(now(), NEW.blocked_until);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_before_update BEFORE UPDATE OF status, autopost_enabled, blocked_until ON socialcron.accounts
    FOR EACH ROW EXECUTE FUNCTION socialcron.accounts_before_update();

-- ---------------------------------------------------------------------------------------------------------------
-- Contents and posts
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE socialcron.contents (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text          text,
    media         jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(media) = 'array'),   -- [{"source", "alt"}]
    link          text,
    poll          jsonb CHECK (jsonb_typeof(poll) = 'object'),       -- {"options": [...], "duration_seconds", "multiple"}
    thread        jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(thread) = 'array'),  -- [{"text", "media"}], further parts
    first_comment text,
    variants      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(variants) = 'object'), -- {platform: {text, options, ...}}
    approved_at   timestamptz DEFAULT now(),                         -- null waits for `posts approve`
    has_content   boolean GENERATED ALWAYS AS (coalesce(text, '') <> '' OR media <> '[]' OR poll IS NOT NULL) STORED,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE socialcron.posts (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content_id          bigint NOT NULL REFERENCES socialcron.contents,
    account_id          bigint NOT NULL REFERENCES socialcron.accounts,
    status              text NOT NULL DEFAULT 'scheduled' CHECK (status IN
                            ('scheduled', 'processing', 'posted', 'failed', 'unconfirmed', 'missed', 'cancelled')),
    due_at              timestamptz NOT NULL,                -- what the caller asked for; never moved by us. null: now
                        CHECK (due_at BETWEEN '1970-01-01+00' AND '9999-12-30+00'),  -- what Python can hold: no infinity
    retry_at            timestamptz,                         -- when a retry, a rate limit or the breaker lets it go
    ready_at            timestamptz,                         -- the only time the claim reads; kept by triggers
    content_ready       boolean NOT NULL DEFAULT false,      -- approved and not empty; kept by triggers
    held_at             timestamptz,
    priority            smallint NOT NULL DEFAULT 0,         -- higher goes first among what is already due
    attempt             integer NOT NULL DEFAULT 0,
    max_attempts        integer NOT NULL DEFAULT 4 CHECK (max_attempts BETWEEN 1 AND 100),
    revision            integer NOT NULL DEFAULT 1,          -- every edit, hold and reschedule moves it
    key_seed            uuid NOT NULL DEFAULT gen_random_uuid(),
    claim_token         uuid,
    lease_until         timestamptz,
    heartbeat_at        timestamptz,
    first_claimed_at    timestamptz,
    cancel_requested_at timestamptz,
    allow_duplicate     boolean NOT NULL DEFAULT false,      -- `posts retry --force`
    reconcile_at        timestamptz,                         -- next look at an unconfirmed post; null: a person's turn
    external_key        text,
    request_hash        text,                                -- of schedule_post's arguments
    remote_id           text,
    url                 text,
    posted_at           timestamptz,
    incomplete_at_step  smallint,                            -- posted, but from this step on it did not go out
    error_class         text,
    last_error          text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, external_key),
    UNIQUE (account_id, remote_id)
) WITH (fillfactor = 90);
-- The due time, not the priority, leads: with 5 million rows due later a priority-first index reads them all.
CREATE INDEX posts_ready_idx ON socialcron.posts (account_id, ready_at, id) INCLUDE (priority) WHERE ready_at IS NOT NULL;
CREATE INDEX posts_claimed_idx ON socialcron.posts (lease_until, id) WHERE claim_token IS NOT NULL;
CREATE INDEX posts_reconcile_idx ON socialcron.posts (reconcile_at, id) WHERE reconcile_at IS NOT NULL;
CREATE INDEX posts_content_idx ON socialcron.posts (content_id);
CREATE INDEX posts_due_idx ON socialcron.posts (status, due_at, id);  -- operator lists: one probe per status
-- What operators look for is rare; scheduled and posted rows are many and not in it.
CREATE INDEX posts_trouble_idx ON socialcron.posts (status, updated_at)
    WHERE status IN ('processing', 'failed', 'unconfirmed', 'missed', 'cancelled');
CREATE INDEX posts_posted_idx ON socialcron.posts (posted_at) WHERE posted_at IS NOT NULL;

-- A hint that an account has a post becoming ready: appended by whoever makes it ready, deleted by the claim that
-- looked. Nobody who inserts a post ever touches `accounts`, so inserts neither wait for us nor for each other.
CREATE TABLE socialcron.account_wakeups (
    account_id bigint NOT NULL,
    ready_at   timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX account_wakeups_ready_idx ON socialcron.account_wakeups (ready_at);
CREATE INDEX account_wakeups_account_idx ON socialcron.account_wakeups (account_id, ready_at);

CREATE FUNCTION socialcron.posts_before_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    IF TG_OP = 'INSERT' THEN
        NEW.due_at := coalesce(NEW.due_at, now());
    END IF;
    IF TG_OP = 'INSERT' OR NEW.content_id <> OLD.content_id THEN
        -- FOR SHARE: an approval or edit that runs now either is seen here or sees this post when it commits.
        SELECT c.approved_at IS NOT NULL AND c.has_content INTO NEW.content_ready
          FROM socialcron.contents AS c WHERE c.id = NEW.content_id FOR SHARE;
        NEW.content_ready := coalesce(NEW.content_ready, false);
    END IF;
    NEW.ready_at := CASE WHEN NEW.status = 'scheduled' AND NEW.content_ready AND NEW.held_at IS NULL
                         THEN greatest(NEW.due_at, NEW.retry_at) END;
    RETURN NEW;
END $$;
CREATE TRIGGER posts_before_write BEFORE INSERT OR UPDATE ON socialcron.posts
    FOR EACH ROW EXECUTE FUNCTION socialcron.posts_before_write();

CREATE FUNCTION socialcron.posts_after_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO socialcron.account_wakeups (account_id, ready_at)
    SELECT account_id, min(ready_at) FROM new_posts WHERE ready_at IS NOT NULL GROUP BY account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER posts_after_insert AFTER INSERT ON socialcron.posts
    REFERENCING NEW TABLE AS new_posts FOR EACH STATEMENT EXECUTE FUNCTION socialcron.posts_after_insert();

CREATE FUNCTION socialcron.posts_after_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO socialcron.account_wakeups (account_id, ready_at)
    SELECT n.account_id, min(n.ready_at) FROM new_posts AS n JOIN old_posts AS o USING (id)
     WHERE n.ready_at IS NOT NULL AND (n.ready_at, n.account_id) IS DISTINCT FROM (o.ready_at, o.account_id)
     GROUP BY n.account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER posts_after_update AFTER UPDATE ON socialcron.posts
    REFERENCING NEW TABLE AS new_posts OLD TABLE AS old_posts
    FOR EACH STATEMENT EXECUTE FUNCTION socialcron.posts_after_update();

-- An edit reaches every post of the content that is not out yet; the new revision stops a send being prepared.
CREATE FUNCTION socialcron.contents_after_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    edited boolean := (NEW.text, NEW.media, NEW.link, NEW.poll, NEW.thread, NEW.first_comment, NEW.variants)
        IS DISTINCT FROM (OLD.text, OLD.media, OLD.link, OLD.poll, OLD.thread, OLD.first_comment, OLD.variants);
    ready boolean := NEW.approved_at IS NOT NULL AND NEW.has_content;
BEGIN
    IF edited OR ready IS DISTINCT FROM (OLD.approved_at IS NOT NULL AND OLD.has_content) THEN
        PERFORM 1 FROM socialcron.posts WHERE content_id = NEW.id AND status <> 'posted' ORDER BY id FOR NO KEY UPDATE;
        UPDATE socialcron.posts SET content_ready = ready, revision = revision + 1
         WHERE content_id = NEW.id AND status <> 'posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER contents_after_update AFTER UPDATE ON socialcron.contents
    FOR EACH ROW EXECUTE FUNCTION socialcron.contents_after_update();

-- ---------------------------------------------------------------------------------------------------------------
-- Attempts: one try at one step of one post, opened before the network is touched
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE socialcron.publish_attempts (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id          bigint NOT NULL REFERENCES socialcron.posts ON DELETE CASCADE,
    account_id       bigint NOT NULL,
    attempt          integer NOT NULL,
    step             smallint NOT NULL,                     -- 0 the post, then thread parts, then the first comment
    revision         integer NOT NULL,
    phase            text NOT NULL DEFAULT 'claimed' CHECK (phase IN
                         ('claimed', 'prepared', 'sending', 'confirmed', 'refused', 'unknown', 'absent')),
    idempotency_key  text NOT NULL,                         -- or the id we chose
    handles          jsonb NOT NULL DEFAULT '{}',           -- what earlier invisible requests gave us
    handles_at       timestamptz,                           -- when the oldest of them was saved
    request          jsonb,                                 -- the complete rendered request; resends use these bytes
    payload_hash     text,
    sends            integer NOT NULL DEFAULT 0,
    first_sending_at timestamptz,
    sending_at       timestamptz,
    looks            timestamptz[] NOT NULL DEFAULT '{}',   -- complete looks that did not show it
    remote_id        text,
    url              text,
    answer           jsonb,
    error_class      text,
    retryable        boolean,
    http_status      integer,
    error            text,
    opened_at        timestamptz NOT NULL DEFAULT now(),
    ended_at         timestamptz
);
-- A second open send of a step is impossible, whatever our code does.
CREATE UNIQUE INDEX publish_attempts_one_open_send ON socialcron.publish_attempts (post_id, step)
    WHERE phase IN ('sending', 'unknown', 'confirmed');
-- Two posts never go out under one id of our choosing.
CREATE UNIQUE INDEX publish_attempts_one_key ON socialcron.publish_attempts (account_id, idempotency_key)
    WHERE phase IN ('sending', 'unknown', 'confirmed');
-- One thing on the platform belongs to one step of one post.
CREATE UNIQUE INDEX publish_attempts_one_owner ON socialcron.publish_attempts (account_id, remote_id)
    WHERE remote_id IS NOT NULL;
CREATE INDEX publish_attempts_post_idx ON socialcron.publish_attempts (post_id, step, id);
CREATE INDEX publish_attempts_payload_idx ON socialcron.publish_attempts (account_id, payload_hash)
    WHERE step = 0 AND phase IN ('sending', 'unknown', 'confirmed');
CREATE INDEX publish_attempts_sent_idx ON socialcron.publish_attempts (account_id, sending_at)
    WHERE step = 0 AND sending_at IS NOT NULL;
CREATE INDEX publish_attempts_errors_idx ON socialcron.publish_attempts (ended_at) WHERE error_class IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------
-- Rate limits and runs
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE socialcron.rate_limits (
    key            text PRIMARY KEY,                        -- "x:account:7:publish", "bluesky:account:7:login"
    platform       text NOT NULL,
    account_id     bigint REFERENCES socialcron.accounts ON DELETE CASCADE,  -- null: a bucket of the whole app
    family         text NOT NULL,
    limit_requests integer,
    remaining      integer,
    reset_at       timestamptz,
    blocked_until  timestamptz,
    tat            timestamptz NOT NULL DEFAULT '-infinity', -- our own pace: GCRA's theoretical arrival time
    observed_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE socialcron.runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command     text NOT NULL,
    host        text NOT NULL,
    idle        boolean NOT NULL DEFAULT false,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    exit_code   smallint,
    outcome     jsonb NOT NULL DEFAULT '{}',
    error       text
);
CREATE UNIQUE INDEX runs_heartbeat ON socialcron.runs (command, host) WHERE idle;
CREATE INDEX runs_command_idx ON socialcron.runs (command, started_at DESC);

-- ---------------------------------------------------------------------------------------------------------------
-- For applications, in any language, inside their own transaction
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION socialcron.schedule_post(
    account_id    bigint,
    text          text DEFAULT NULL,
    due_at        timestamptz DEFAULT NULL,      -- null: now
    external_key  text DEFAULT NULL,             -- yours; a second call with it returns the first one's id
    media         jsonb DEFAULT '[]',
    link          text DEFAULT NULL,
    thread        jsonb DEFAULT '[]',
    first_comment text DEFAULT NULL,
    poll          jsonb DEFAULT NULL,
    variants      jsonb DEFAULT '{}',
    priority      integer DEFAULT 0,
    max_attempts  integer DEFAULT 4,
    draft         boolean DEFAULT false          -- true waits for `posts approve`
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new_content bigint;
    new_post    bigint;
    hash        text := md5(jsonb_build_array(schedule_post.text, schedule_post.due_at AT TIME ZONE 'UTC', schedule_post.media,
                    schedule_post.link, schedule_post.thread, schedule_post.first_comment, schedule_post.poll,
                    schedule_post.variants, schedule_post.draft)::text);
    known       record;
BEGIN
    INSERT INTO socialcron.contents (text, media, link, thread, first_comment, poll, variants, approved_at)
    VALUES (schedule_post.text, coalesce(schedule_post.media, '[]'), schedule_post.link,
            coalesce(schedule_post.thread, '[]'), schedule_post.first_comment, schedule_post.poll,
            coalesce(schedule_post.variants, '{}'), CASE WHEN NOT schedule_post.draft THEN now() END)
    RETURNING id INTO new_content;

    INSERT INTO socialcron.posts (content_id, account_id, due_at, external_key, request_hash, priority, max_attempts)
    VALUES (new_content, schedule_post.account_id, schedule_post.due_at, schedule_post.external_key, hash,
            schedule_post.priority, schedule_post.max_attempts)
    ON CONFLICT (account_id, external_key) DO NOTHING
    RETURNING id INTO new_post;
    IF new_post IS NOT NULL THEN
        RETURN new_post;
    END IF;

    DELETE FROM socialcron.contents WHERE id = new_content;
    SELECT p.id, p.request_hash INTO known FROM socialcron.posts AS p
     WHERE p.account_id = schedule_post.account_id AND p.external_key = schedule_post.external_key;
    IF known.request_hash IS DISTINCT FROM hash THEN
        RAISE EXCEPTION 'external key % of account % already belongs to post % with another payload',
            quote_literal(schedule_post.external_key), schedule_post.account_id, known.id
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'posts_account_id_external_key_key',
                  HINT = 'Use a new key for a new post, or change the existing one with `socialcron posts edit`.';
    END IF;
    RETURN known.id;
END $$;

-- done: it will not go out.  requested: a run holds it and will not send it.  too_late: it is out, or may be.
CREATE FUNCTION socialcron.cancel_post(post_id bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    current_status text;
BEGIN
    SELECT p.status INTO current_status FROM socialcron.posts AS p WHERE p.id = cancel_post.post_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no post %', cancel_post.post_id USING ERRCODE = 'no_data_found';
    END IF;
    IF current_status = 'cancelled' THEN
        RETURN 'done';
    END IF;
    -- A new statement, hence a new snapshot: it sees a send committed while we waited for the row.
    IF current_status IN ('posted', 'unconfirmed') OR EXISTS (
        SELECT FROM socialcron.publish_attempts AS a
         WHERE a.post_id = cancel_post.post_id AND a.phase IN ('sending', 'unknown', 'confirmed')
    ) THEN
        RETURN 'too_late';
    END IF;
    IF current_status = 'processing' THEN
        UPDATE socialcron.posts SET cancel_requested_at = coalesce(cancel_requested_at, now())
         WHERE id = cancel_post.post_id;
        RETURN 'requested';
    END IF;
    UPDATE socialcron.posts SET status = 'cancelled', cancel_requested_at = now() WHERE id = cancel_post.post_id;
    RETURN 'done';
END $$;

CREATE VIEW socialcron.publish_history AS
SELECT p.id AS post_id, p.account_id, a.platform, a.handle, p.due_at, p.posted_at, p.url, p.remote_id, p.attempt,
       extract(epoch FROM p.posted_at - p.due_at)::double precision AS time_to_post_seconds
  FROM socialcron.posts AS p JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE p.posted_at IS NOT NULL;

REVOKE ALL ON FUNCTION socialcron.schedule_post, socialcron.cancel_post FROM PUBLIC;
