-- Seconds since the due time of the post that has been ready for longest; 0: nothing is overdue.
-- Uses posts_ready_idx alone, one probe per account that may post; not the claim's own notes of when to look where,
-- so that a post the claim overlooks shows here.
WITH oldest AS (
    SELECT p.id
      FROM socialcron.accounts AS a
     CROSS JOIN LATERAL (
           SELECT id, ready_at
             FROM socialcron.posts
            WHERE account_id = a.id AND ready_at <= now()
            ORDER BY ready_at, id
            LIMIT 1) AS p
     WHERE a.status = 'active' AND a.autopost_enabled
     ORDER BY p.ready_at, p.id
     LIMIT 1
)
SELECT coalesce((SELECT extract(epoch FROM now() - p.due_at)
                   FROM oldest JOIN socialcron.posts AS p USING (id)), 0)::float8 AS overdue_seconds
