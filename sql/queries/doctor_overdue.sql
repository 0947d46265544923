-- The post that has been ready for longest and that nothing keeps back but that no run has taken it. Uses posts_ready_idx
-- alone, one probe per account that may post: not the claim's own notes of when to look where.
SELECT p.id, extract(epoch FROM now() - p.ready_at)::float8 AS seconds
  FROM socialcron.accounts AS a
 CROSS JOIN LATERAL (
       SELECT id, ready_at
         FROM socialcron.posts
        WHERE account_id = a.id AND ready_at <= now()
        ORDER BY ready_at, id
        LIMIT 1) AS p
 WHERE a.status = 'active' AND a.autopost_enabled AND (a.blocked_until IS NULL OR a.blocked_until <= now())
 ORDER BY p.ready_at, p.id
 LIMIT 1
