-- Give a refresh lease back after a failure. disconnect: the platform refused the refresh token for good, and nobody
-- stored another pair meanwhile.
UPDATE socialcron.accounts
   SET refresh_claim = NULL, refresh_until = NULL,
       status = CASE WHEN %(disconnect)s AND status = 'active' THEN 'needs_reconnect' ELSE status END,
       last_error = %(error)s
 WHERE id = %(account_id)s AND token_version = %(token_version)s AND refresh_claim = %(refresh_claim)s
RETURNING status
