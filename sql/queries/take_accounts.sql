-- Make this run the one that works some accounts, those that nobody else works, and say which may post. Uses the primary
-- key. Locks in id order, as every update of several accounts does.
WITH free AS MATERIALIZED (
    SELECT id FROM socialcron.accounts
     WHERE id = ANY(%(account_ids)s)
       AND (busy_token = %(claim_token)s OR busy_until IS NULL OR busy_until <= clock_timestamp())
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE socialcron.accounts
   SET busy_token = %(claim_token)s, busy_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
 WHERE id = ANY(ARRAY(SELECT id FROM free))
RETURNING id, status = 'active' AND autopost_enabled AND (blocked_until IS NULL OR blocked_until <= clock_timestamp()) AS may_post
