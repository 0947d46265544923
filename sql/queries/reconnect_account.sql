-- New credentials from a person. token_version + 1 makes every answer to the old ones meaningless.
-- A disabled account stays disabled. refreshed_at: what is known of the old tokens' age says nothing of these.
UPDATE socialcron.accounts
   SET credentials = %(credentials)s, token_version = token_version + 1,
       token_expires_at = CASE WHEN %(needs_session)s THEN now() ELSE %(token_expires_at)s END,
       refreshed_at = NULL, refresh_claim = NULL, refresh_until = NULL, last_error = NULL,
       status = CASE WHEN status = 'needs_reconnect' THEN 'active' ELSE status END
 WHERE id = %(account_id)s
RETURNING status
