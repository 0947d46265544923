-- New credentials from a person. token_version + 1 makes every answer to the old ones meaningless.
-- A disabled account stays disabled. refreshed_at: what is known of the old tokens' age says nothing of these.
-- Null for handle, external_id, settings and import_digest: as it is. New settings are added to the old ones; the app is
-- what the new tokens were made with, so its name is never an old one.
UPDATE socialcron.accounts
   SET credentials = %(credentials)s, token_version = token_version + 1,
       token_expires_at = CASE WHEN %(needs_session)s THEN now() ELSE %(token_expires_at)s END,
       refresh_expires_at = %(refresh_expires_at)s,
       handle = coalesce(%(handle)s, handle), external_id = coalesce(external_id, %(external_id)s),
       settings = coalesce(%(defaults)s::jsonb || (settings - 'app') || %(settings)s::jsonb, settings),
       import_digest = coalesce(%(import_digest)s, import_digest),
       refreshed_at = NULL, refresh_claim = NULL, refresh_until = NULL, last_error = NULL,
       status = CASE WHEN status = 'needs_reconnect' THEN 'active' ELSE status END
 WHERE id = %(account_id)s
RETURNING id, status
