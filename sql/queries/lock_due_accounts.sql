-- First half of the claim: lock the accounts that may have due posts, oldest first; skip those another run works.
-- Uses accounts_next_due_idx, and account_wakeups_ready_idx for what applications inserted since the last look.
-- FOR NO KEY UPDATE: FOR UPDATE would hide an account whenever an insert of a post holds its foreign key lock.
-- Both parts lock while they read, so that claims that start in the same second each find accounts of their own: when
-- they first chose and then locked, one got the oldest accounts and the others nothing. Some accounts locked here may
-- not be returned; they stay as they are, and no run but one that claims this very moment notices.
-- An account named by a hint is locked even when it may not post, so that the hint can go; the claim sorts that out.
WITH due AS MATERIALIZED (
    SELECT id, next_due_at AS look_at
      FROM socialcron.accounts
     WHERE next_due_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
       AND (busy_until IS NULL OR busy_until <= now())
       AND (%(platforms)s::text[] IS NULL OR platform = ANY(%(platforms)s))
     ORDER BY next_due_at, id
     LIMIT %(max_accounts)s
       FOR NO KEY UPDATE SKIP LOCKED
), hinted AS MATERIALIZED (
    SELECT a.id, w.ready_at AS look_at
      FROM (SELECT account_id, min(ready_at) AS ready_at
              FROM socialcron.account_wakeups
             WHERE ready_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
             GROUP BY account_id
             ORDER BY min(ready_at), account_id) AS w
     CROSS JOIN LATERAL (
           SELECT id
             FROM socialcron.accounts
            WHERE id = w.account_id
              AND (busy_until IS NULL OR busy_until <= now())
              AND (%(platforms)s::text[] IS NULL OR platform = ANY(%(platforms)s))
              FOR NO KEY UPDATE SKIP LOCKED) AS a
     ORDER BY w.ready_at, w.account_id
     LIMIT %(max_accounts)s
)
SELECT id
  FROM (SELECT * FROM due UNION ALL SELECT * FROM hinted) AS found
 GROUP BY id
 ORDER BY min(look_at), id
 LIMIT %(max_accounts)s
