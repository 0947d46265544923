-- Recurrences whose next posts should have been made an hour ago. Uses recurrences_fill_idx.
SELECT id, account_id, last_error, extract(epoch FROM now() - fill_at)::float8 AS seconds
  FROM socialcron.recurrences
 WHERE fill_at < now() - interval '1 hour'
 ORDER BY fill_at, id
 LIMIT 1001
