-- --dry-run: what the next run would find due, oldest first; claims nothing. Uses posts_ready_idx by account.
SELECT p.id, p.account_id, a.platform, a.handle, p.due_at, p.attempt
  FROM socialcron.accounts AS a
 CROSS JOIN LATERAL (
       SELECT id, account_id, due_at, ready_at, attempt
         FROM socialcron.posts
        WHERE account_id = a.id AND ready_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
        ORDER BY ready_at, id
        LIMIT %(catch_up_cap)s) AS p
 WHERE a.status = 'active' AND a.autopost_enabled AND (a.blocked_until IS NULL OR a.blocked_until <= now())
   AND (%(platforms)s::text[] IS NULL OR a.platform = ANY(%(platforms)s))
 ORDER BY p.ready_at, p.id
 LIMIT %(batch_size)s
