-- Why: what becomes of posts, accounts and profiles is told to whoever asked: in messages, or by signed webhooks.
-- Triggers write an event in the very transaction that makes it true, whoever's that is, so that none is forgotten and
-- none told in vain. Where nobody asked for its kind, nothing is written.

CREATE TABLE socialcron.subscriptions (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name              text NOT NULL UNIQUE CHECK (name ~ '^[[:alnum:]][[:alnum:]_.-]{0,62}$'),
    channel           text NOT NULL CHECK (channel IN ('notification', 'webhook')),
    address           text NOT NULL,                        -- encrypted by socialcron: {"url"}, of a webhook "secret", too
    events            text[] NOT NULL CHECK (events <> '{}' AND events <@ ARRAY['posted', 'failed', 'missed', 'unconfirmed',
                                                                               'needs_reconnect', 'monitoring_failed']),
    account_id        bigint REFERENCES socialcron.accounts ON DELETE CASCADE,  -- only of this account; null: of all
    digest_seconds    integer CHECK (digest_seconds BETWEEN 0 AND 604800),      -- of messages: the least time between two
    enabled           boolean NOT NULL DEFAULT true,
    quiet_until       timestamptz,                          -- no message before; null: the next one goes at once
    last_delivered_at timestamptz,
    last_error        text,                                 -- of the last try; null: it got through
    created_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((channel = 'notification') = (digest_seconds IS NOT NULL))
);
-- Passwords and signing secrets live here: as with accounts, only roles named by a policy (sql/grants.sql) see a row.
ALTER TABLE socialcron.subscriptions ENABLE ROW LEVEL SECURITY;

-- No foreign keys: an event outlives what it tells of.
CREATE TABLE socialcron.events (
    event_id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- the receiver's means to tell a repetition
    kind       text NOT NULL CHECK (kind IN ('posted', 'failed', 'missed', 'unconfirmed', 'needs_reconnect', 'monitoring_failed')),
    account_id bigint,
    post_id    bigint,
    profile_id bigint,
    data       jsonb NOT NULL,                              -- as it was at that moment
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX events_created_idx ON socialcron.events (created_at);
CREATE INDEX events_unconfirmed_idx ON socialcron.events (post_id) WHERE kind = 'unconfirmed';

-- subscription_id is no foreign key: its lock would let a publishing run and `subscriptions remove` wait for each other.
CREATE TABLE socialcron.deliveries (
    event_id        uuid NOT NULL REFERENCES socialcron.events ON DELETE CASCADE,
    subscription_id bigint NOT NULL,
    status          text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'dead')),
    tries           integer NOT NULL DEFAULT 0,
    next_at         timestamptz,                            -- the next try; null: none by itself
    claim_token     uuid,
    lease_until     timestamptz,
    tried_at        timestamptz,                            -- when the last try ended
    http_status     integer,
    last_error      text,
    PRIMARY KEY (event_id, subscription_id)
) WITH (fillfactor = 80);
CREATE INDEX deliveries_due_idx ON socialcron.deliveries (subscription_id, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_open_idx ON socialcron.deliveries (subscription_id, status) WHERE status <> 'delivered';

-- ---------------------------------------------------------------------------------------------------------------
-- Who writes events
-- ---------------------------------------------------------------------------------------------------------------

-- Subscriptions that want one of these kinds of this account. account: null for what belongs to no account.
CREATE FUNCTION socialcron.listeners(kinds text[], account bigint) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(id) FROM socialcron.subscriptions
     WHERE enabled AND events && kinds AND (account_id IS NULL OR account_id = account)
$$;

CREATE FUNCTION socialcron.tell(
    listeners bigint[], kind text, account_id bigint, post_id bigint, profile_id bigint, data jsonb, delay interval
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH event AS (
        INSERT INTO socialcron.events (kind, account_id, post_id, profile_id, data)
        VALUES (tell.kind, tell.account_id, tell.post_id, tell.profile_id, coalesce(tell.data, '{}'))
        RETURNING event_id
    )
    INSERT INTO socialcron.deliveries (event_id, subscription_id, next_at)
    SELECT event.event_id, listener, clock_timestamp() + tell.delay
      FROM event, unnest(tell.listeners) AS listener
$$;

-- How far a post's outcome is in doubt. 0: not, or the platform took it and merely decides later; 1: nobody knows, and the
-- platform is being asked; 2: only a person can find out.
CREATE FUNCTION socialcron.doubt(status text, error_class text, reconcile_at timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN status <> 'unconfirmed' THEN 0 WHEN reconcile_at IS NULL THEN 2 WHEN error_class IS NULL THEN 0 ELSE 1 END;

CREATE FUNCTION socialcron.posts_tell() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    before    integer := socialcron.doubt(OLD.status, OLD.error_class, OLD.reconcile_at);
    doubt     integer := socialcron.doubt(NEW.status, NEW.error_class, NEW.reconcile_at);
    kinds     text[];
    listeners bigint[];
BEGIN
    -- What was not told yet, and is not so any more, never will be: most lost answers are found within minutes.
    -- SKIP LOCKED: one that is on its way is not waited for.
    IF before > 0 AND doubt <> before THEN
        DELETE FROM socialcron.deliveries AS d
         USING (SELECT w.event_id, w.subscription_id
                  FROM socialcron.events AS e JOIN socialcron.deliveries AS w ON w.event_id = e.event_id
                 WHERE e.post_id = NEW.id AND e.kind = 'unconfirmed' AND w.status = 'waiting' AND w.tries = 0
                   FOR UPDATE OF w SKIP LOCKED) AS untold
         WHERE d.event_id = untold.event_id AND d.subscription_id = untold.subscription_id;
    END IF;
    IF NEW.status = 'unconfirmed' AND doubt <= before
       OR NEW.status NOT IN ('posted', 'failed', 'missed', 'unconfirmed')
       OR NEW.status = OLD.status AND NEW.status <> 'unconfirmed' THEN
        RETURN NULL;
    END IF;
    -- Who wants failures wants a thread that stopped midway.
    kinds := CASE WHEN NEW.incomplete_at_step IS NOT NULL THEN ARRAY[NEW.status, 'failed'] ELSE ARRAY[NEW.status] END;
    listeners := socialcron.listeners(kinds, NEW.account_id);
    IF listeners IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM socialcron.tell(
        listeners, NEW.status, NEW.account_id, NEW.id, NULL,
        (SELECT jsonb_build_object(
                    'post_id', NEW.id, 'account_id', NEW.account_id, 'platform', a.platform, 'handle', left(a.handle, 200),
                    'status', NEW.status, 'text', left(c.text, 100), 'external_key', left(NEW.external_key, 200),
                    'due_at', NEW.due_at, 'posted_at', NEW.posted_at, 'url', left(NEW.url, 2000),
                    'remote_id', left(NEW.remote_id, 500), 'attempt', NEW.attempt, 'max_attempts', NEW.max_attempts,
                    'incomplete_at_step', NEW.incomplete_at_step, 'error_class', NEW.error_class,
                    'error', left(NEW.last_error, 1000), 'needs_person', doubt = 2)
           FROM socialcron.accounts AS a, socialcron.contents AS c
          WHERE a.id = NEW.account_id AND c.id = NEW.content_id),
        CASE doubt WHEN 1 THEN interval '15 minutes' ELSE interval '0' END);
    RETURN NULL;
END $$;
CREATE TRIGGER posts_tell AFTER UPDATE OF status, reconcile_at ON socialcron.posts FOR EACH ROW
    WHEN (NEW.status IN ('posted', 'failed', 'missed') AND NEW.status <> OLD.status
          OR 'unconfirmed' IN (OLD.status, NEW.status))
    EXECUTE FUNCTION socialcron.posts_tell();

CREATE FUNCTION socialcron.accounts_tell() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    listeners bigint[] := socialcron.listeners(ARRAY['needs_reconnect'], NEW.id);
BEGIN
    IF listeners IS NOT NULL THEN
        PERFORM socialcron.tell(
            listeners, 'needs_reconnect', NEW.id, NULL, NULL,
            jsonb_build_object('account_id', NEW.id, 'platform', NEW.platform, 'handle', left(NEW.handle, 200),
                               'status', NEW.status, 'error', left(NEW.last_error, 1000)),
            interval '0');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_tell AFTER UPDATE OF status ON socialcron.accounts FOR EACH ROW
    WHEN (NEW.status = 'needs_reconnect' AND OLD.status <> 'needs_reconnect')
    EXECUTE FUNCTION socialcron.accounts_tell();

CREATE FUNCTION socialcron.monitoring_runs_tell() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    listeners bigint[] := socialcron.listeners(ARRAY['monitoring_failed'], NULL);
BEGIN
    IF listeners IS NOT NULL THEN
        PERFORM socialcron.tell(
            listeners, 'monitoring_failed', NULL, NULL, NEW.profile_id,
            (SELECT jsonb_build_object(
                        'profile_id', p.id, 'run_id', NEW.id, 'platform', p.platform, 'handle', left(p.handle, 200),
                        'status', NEW.status, 'pages', NEW.pages, 'posts', NEW.posts, 'next_run_at', p.next_run_at,
                        'error_class', NEW.error_class, 'error', left(NEW.error, 1000))
               FROM socialcron.profiles AS p WHERE p.id = NEW.profile_id),
            interval '0');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER monitoring_runs_tell AFTER UPDATE OF status ON socialcron.monitoring_runs FOR EACH ROW
    WHEN (NEW.status = 'failed' AND OLD.status <> 'failed')
    EXECUTE FUNCTION socialcron.monitoring_runs_tell();

REVOKE ALL ON FUNCTION socialcron.listeners, socialcron.tell, socialcron.doubt FROM PUBLIC;
