-- Connect an account; the caller holds the lock of lock_adding_accounts.sql and has looked for a twin.
-- needs_session: there is no access token yet, so the token counts as expired and the first run makes one.
INSERT INTO socialcron.accounts (platform, handle, external_id, settings, credentials, token_expires_at,
                                 refresh_expires_at, import_digest)
VALUES (%(platform)s, %(handle)s, %(external_id)s, %(defaults)s::jsonb || %(settings)s::jsonb, %(credentials)s,
        CASE WHEN %(needs_session)s THEN now() ELSE %(token_expires_at)s END,
        %(refresh_expires_at)s, %(import_digest)s)
RETURNING id, status
