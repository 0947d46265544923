-- Claim posts whose next reading is due, freshest first: each for the latest slot of its ladder, for slots that passed
-- while nothing ran cannot be read any more. Uses metric_schedules_due_idx. A run that died gives its posts back by its
-- lease. Not those the platform has yet to name (their posts.reconcile_at is set).
-- slots: seconds after posting at which a post is read, ascending.
WITH due AS MATERIALIZED (
    SELECT s.post_id, p.remote_id
      FROM socialcron.metric_schedules AS s
      JOIN socialcron.accounts AS a ON a.id = s.account_id
      JOIN socialcron.posts AS p ON p.id = s.post_id
     WHERE s.next_at <= now()
       AND (s.lease_until IS NULL OR s.lease_until <= now())
       AND a.status = 'active'
       AND (a.blocked_until IS NULL OR a.blocked_until <= now())
       AND p.remote_id IS NOT NULL AND p.reconcile_at IS NULL
       AND (%(platforms)s::text[] IS NULL OR a.platform = ANY(%(platforms)s))
     ORDER BY s.posted_at DESC, s.post_id
     LIMIT %(batch_size)s
       FOR NO KEY UPDATE OF s SKIP LOCKED
)
UPDATE socialcron.metric_schedules AS s
   SET claim_token = %(claim_token)s, lease_until = now() + make_interval(secs => %(lease_seconds)s), tries = s.tries + 1,
       slot_at = s.posted_at + make_interval(secs => (%(slots)s::float8[])[
           greatest(width_bucket(extract(epoch FROM now() - s.posted_at)::float8, %(slots)s::float8[]), 1)])
  FROM due
 WHERE s.post_id = due.post_id
RETURNING s.post_id, s.account_id, due.remote_id, s.posted_at, s.slot_at, s.tries
