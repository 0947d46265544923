-- First half of the claim: lock the accounts that may have due posts, oldest first; skip those another run works.
-- Uses accounts_next_due_idx, and account_wakeups_ready_idx for what applications inserted since the last look.
-- FOR NO KEY UPDATE: FOR UPDATE would hide an account whenever an insert of a post holds its foreign key lock.
-- An account named by a hint is locked even when it may not post, so that the hint can go; the claim sorts that out.
WITH candidates AS MATERIALIZED (
    (SELECT id, next_due_at AS look_at
       FROM socialcron.accounts
      WHERE next_due_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
        AND (busy_until IS NULL OR busy_until <= now())
        AND (%(platforms)s::text[] IS NULL OR platform = ANY(%(platforms)s))
      ORDER BY next_due_at, id
      LIMIT %(max_accounts)s)
    UNION ALL
    (SELECT w.account_id, w.ready_at
       FROM socialcron.account_wakeups AS w
       JOIN socialcron.accounts AS a ON a.id = w.account_id
      WHERE w.ready_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
        AND (a.busy_until IS NULL OR a.busy_until <= now())
        AND (%(platforms)s::text[] IS NULL OR a.platform = ANY(%(platforms)s))
      ORDER BY w.ready_at
      LIMIT 4 * %(max_accounts)s)
), chosen AS MATERIALIZED (
    SELECT id FROM candidates GROUP BY id ORDER BY min(look_at), id LIMIT %(max_accounts)s
)
SELECT a.id
  FROM socialcron.accounts AS a
 WHERE a.id = ANY(ARRAY(SELECT id FROM chosen))
   AND (a.busy_until IS NULL OR a.busy_until <= now())
 ORDER BY a.id
   FOR NO KEY UPDATE SKIP LOCKED
