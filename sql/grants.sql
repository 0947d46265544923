-- Three roles with the least they need. Run it as the owner of the schema after each `socialcron db migrate`:
--     psql "$DATABASE_URL" -f sql/grants.sql
-- It can be run again. Then give a login one of the roles:  GRANT socialcron_worker TO your_login;
--
--   socialcron_worker    what cron runs: everything but changing the schema
--   socialcron_app       your application: may schedule and cancel posts, and read nothing but the ids it made
--   socialcron_reporter  dashboards: may read everything but credentials

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['socialcron_worker', 'socialcron_app', 'socialcron_reporter'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- roles are the whole server's: another database's grants made it at this moment
            END;
        END IF;
    END LOOP;
END $$;

REVOKE ALL ON SCHEMA socialcron FROM PUBLIC, socialcron_worker, socialcron_app, socialcron_reporter;
REVOKE ALL ON ALL TABLES IN SCHEMA socialcron FROM PUBLIC, socialcron_worker, socialcron_app, socialcron_reporter;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA socialcron FROM PUBLIC, socialcron_worker, socialcron_app, socialcron_reporter;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA socialcron FROM PUBLIC, socialcron_worker, socialcron_app, socialcron_reporter;
GRANT USAGE ON SCHEMA socialcron TO socialcron_worker, socialcron_app, socialcron_reporter;

-- Worker
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA socialcron TO socialcron_worker;
REVOKE INSERT, UPDATE, DELETE ON socialcron.schema_meta, socialcron.schema_migrations FROM socialcron_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA socialcron TO socialcron_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA socialcron TO socialcron_worker;
DROP POLICY IF EXISTS socialcron_worker ON socialcron.accounts;
CREATE POLICY socialcron_worker ON socialcron.accounts TO socialcron_worker USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS socialcron_worker ON socialcron.subscriptions;
CREATE POLICY socialcron_worker ON socialcron.subscriptions TO socialcron_worker USING (true) WITH CHECK (true);

-- Application: three functions, or plain inserts of the columns that are an application's to set
GRANT EXECUTE ON FUNCTION socialcron.schedule_post, socialcron.cancel_post, socialcron.next_slot TO socialcron_app;
GRANT SELECT (id), INSERT (text, media, link, poll, thread, first_comment, variants, approved_at)
    ON socialcron.contents TO socialcron_app;
GRANT SELECT (id), INSERT (content_id, account_id, due_at, priority, max_attempts, external_key)
    ON socialcron.posts TO socialcron_app;

-- Reporter
GRANT SELECT ON ALL TABLES IN SCHEMA socialcron TO socialcron_reporter;
REVOKE SELECT ON socialcron.accounts FROM socialcron_reporter;
GRANT SELECT (id, platform, handle, external_id, settings, token_version, token_expires_at, refresh_expires_at, refreshed_at, status,
              autopost_enabled, last_error, blocked_until, next_due_at, busy_until, created_at, updated_at)
    ON socialcron.accounts TO socialcron_reporter;
-- Handles hold signed addresses: whoever has one ends the upload, and with it publishes the video.
REVOKE SELECT ON socialcron.publish_attempts FROM socialcron_reporter;
GRANT SELECT (id, post_id, account_id, attempt, step, revision, phase, idempotency_key, handles_at, request, payload_hash,
              sends, first_sending_at, sending_at, looks, remote_id, url, answer, provisional, error_class, retryable,
              http_status, error, opened_at, ended_at)
    ON socialcron.publish_attempts TO socialcron_reporter;
DROP POLICY IF EXISTS socialcron_reporter ON socialcron.accounts;
CREATE POLICY socialcron_reporter ON socialcron.accounts FOR SELECT TO socialcron_reporter USING (true);
-- Addresses hold passwords and signing secrets.
REVOKE SELECT ON socialcron.subscriptions FROM socialcron_reporter;
GRANT SELECT (id, name, channel, events, account_id, digest_seconds, enabled, quiet_until, last_delivered_at, last_error, created_at)
    ON socialcron.subscriptions TO socialcron_reporter;
DROP POLICY IF EXISTS socialcron_reporter ON socialcron.subscriptions;
CREATE POLICY socialcron_reporter ON socialcron.subscriptions FOR SELECT TO socialcron_reporter USING (true);
