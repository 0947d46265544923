-- Let the claim look where posts are ready: of the accounts just locked, those whose hint is missing or too late.
-- Uses posts_ready_idx, all of it: this is for the night.
WITH ready AS MATERIALIZED (
    SELECT account_id, min(ready_at) AS ready_at FROM socialcron.posts WHERE ready_at IS NOT NULL GROUP BY account_id
)
UPDATE socialcron.accounts AS a
   SET next_due_at = greatest(r.ready_at, a.blocked_until)
  FROM ready AS r
 WHERE a.id = r.account_id AND a.id = ANY(%(account_ids)s) AND a.status = 'active' AND a.autopost_enabled
   AND (a.next_due_at IS NULL OR a.next_due_at > greatest(r.ready_at, a.blocked_until))
RETURNING a.id
