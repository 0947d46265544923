-- A sign of life for what a run still holds, and more time. Waits for nobody: a row an application holds is skipped.
WITH posts AS (
    SELECT id FROM socialcron.posts
     WHERE id = ANY(%(post_ids)s) AND claim_token = %(claim_token)s AND lease_until > clock_timestamp()
       FOR NO KEY UPDATE SKIP LOCKED
), accounts AS (
    SELECT id FROM socialcron.accounts
     WHERE id = ANY(%(account_ids)s) AND busy_token = %(claim_token)s
     ORDER BY id
       FOR NO KEY UPDATE SKIP LOCKED
), renewed AS (
    UPDATE socialcron.accounts SET busy_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
     WHERE id = ANY(ARRAY(SELECT id FROM accounts))
)
UPDATE socialcron.posts
   SET heartbeat_at = clock_timestamp(),
       lease_until = greatest(lease_until, clock_timestamp() + make_interval(secs => %(lease_seconds)s))
 WHERE id = ANY(ARRAY(SELECT id FROM posts))
RETURNING id
