-- Recurrences with their next post, newest last; without `ended` only those that are not. Uses posts_recurrence_idx.
SELECT r.id, r.account_id, a.platform, a.handle, r.rrule, r.starts_at, r.zone, r.content_id, r.created_at, r.paused_at,
       r.ended_at, r.filled_until, r.last_error, c.text,
       CASE WHEN r.ended_at IS NOT NULL THEN 'ended' WHEN r.paused_at IS NOT NULL THEN 'paused'
            WHEN r.fill_at IS NULL AND coming.id IS NULL THEN 'over' ELSE 'active' END AS state,
       coming.id AS next_post_id, coming.due_at AS next_due_at
  FROM socialcron.recurrences AS r
  JOIN socialcron.accounts AS a ON a.id = r.account_id
  JOIN socialcron.contents AS c ON c.id = r.content_id
  LEFT JOIN LATERAL (SELECT p.id, p.due_at FROM socialcron.posts AS p
                      WHERE p.recurrence_id = r.id AND p.status = 'scheduled'
                      ORDER BY p.occurs_at LIMIT 1) AS coming ON true
 WHERE (%(recurrence_id)s::bigint IS NULL OR r.id = %(recurrence_id)s)
   AND (%(ended)s OR r.ended_at IS NULL)
 ORDER BY r.id
