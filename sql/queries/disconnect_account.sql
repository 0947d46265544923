-- The platform no longer accepts this account's credentials: a person must reconnect it.
-- Only if nobody stored newer ones meanwhile: a refusal of old tokens says nothing about new ones.
UPDATE socialcron.accounts
   SET status = 'needs_reconnect', last_error = %(error)s
 WHERE id = %(account_id)s AND token_version = %(token_version)s AND status = 'active'
RETURNING id
