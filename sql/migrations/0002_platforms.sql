-- Why: platforms that name a post later than they show it, tokens whose renewal ends too, content that only variants have.

ALTER TABLE socialcron.accounts
    ADD COLUMN refresh_expires_at timestamptz;  -- when renewing ends and a person must reconnect; null: never, or not said
COMMENT ON COLUMN socialcron.accounts.refresh_expires_at IS 'when renewing the token ends and a person must reconnect';

-- remote_id stands in until the platform says what the post is called; posts.reconcile_at says when it is asked.
ALTER TABLE socialcron.publish_attempts ADD COLUMN provisional boolean NOT NULL DEFAULT false;

-- Whether there is anything to say, on some platform at least. contents.has_content knows the common fields only.
CREATE FUNCTION socialcron.says_something(content socialcron.contents) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT content.has_content
        OR content.variants @? '$.*.text ? (@.type() == "string" && @ != "")'
        OR content.variants @? '$.*.media[*]'
        OR content.variants @? '$.*.poll ? (@.type() == "object")'
$$;

CREATE OR REPLACE FUNCTION socialcron.posts_before_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    IF TG_OP = 'INSERT' THEN
        NEW.due_at := coalesce(NEW.due_at, now());
    END IF;
    IF TG_OP = 'INSERT' OR NEW.content_id <> OLD.content_id THEN
        -- FOR SHARE: an approval or edit that runs now either is seen here or sees this post when it commits.
        SELECT c.approved_at IS NOT NULL AND socialcron.says_something(c) INTO NEW.content_ready
          FROM socialcron.contents AS c WHERE c.id = NEW.content_id FOR SHARE;
        NEW.content_ready := coalesce(NEW.content_ready, false);
    END IF;
    NEW.ready_at := CASE WHEN NEW.status = 'scheduled' AND NEW.content_ready AND NEW.held_at IS NULL
                         THEN greatest(NEW.due_at, NEW.retry_at) END;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION socialcron.contents_after_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    edited boolean := (NEW.text, NEW.media, NEW.link, NEW.poll, NEW.thread, NEW.first_comment, NEW.variants)
        IS DISTINCT FROM (OLD.text, OLD.media, OLD.link, OLD.poll, OLD.thread, OLD.first_comment, OLD.variants);
    ready boolean := NEW.approved_at IS NOT NULL AND socialcron.says_something(NEW);
BEGIN
    IF edited OR ready IS DISTINCT FROM (OLD.approved_at IS NOT NULL AND socialcron.says_something(OLD)) THEN
        PERFORM 1 FROM socialcron.posts WHERE content_id = NEW.id AND status <> 'posted' ORDER BY id FOR NO KEY UPDATE;
        UPDATE socialcron.posts SET content_ready = ready, revision = revision + 1
         WHERE content_id = NEW.id AND status <> 'posted';
    END IF;
    RETURN NULL;
END $$;
