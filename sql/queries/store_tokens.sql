-- T2 of a token refresh: keep the new pair before anybody uses it, whether or not the refresh lease is still ours;
-- the old refresh token may be dead already, so this pair is the only one there is.
UPDATE socialcron.accounts
   SET credentials = %(credentials)s, token_version = token_version + 1, token_expires_at = %(expires_at)s,
       refresh_expires_at = coalesce(%(refresh_expires_at)s, refresh_expires_at),
       refreshed_at = clock_timestamp(), refresh_claim = NULL, refresh_until = NULL, last_error = NULL,
       status = CASE WHEN status = 'needs_reconnect' THEN 'active' ELSE status END
 WHERE id = %(account_id)s AND token_version = %(token_version)s
RETURNING token_version
