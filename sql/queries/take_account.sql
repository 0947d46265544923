-- Make this run the one that works an account, if it may post and nobody else works it. Uses the primary key.
UPDATE socialcron.accounts
   SET busy_token = %(claim_token)s, busy_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
 WHERE id = %(account_id)s
   AND (busy_token = %(claim_token)s OR busy_until IS NULL OR busy_until <= clock_timestamp())
RETURNING status = 'active' AND autopost_enabled AND (blocked_until IS NULL OR blocked_until <= clock_timestamp()) AS may_post
