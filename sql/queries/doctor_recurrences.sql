-- Recurrences whose next posts should have been made an hour ago, and those of which none could be made.
-- Uses recurrences_fill_idx.
SELECT id, last_error, extract(epoch FROM now() - fill_at)::float8 AS seconds
  FROM socialcron.recurrences
 WHERE fill_at < now() - interval '1 hour' OR fill_at IS NOT NULL AND last_error IS NOT NULL
 ORDER BY fill_at, id
 LIMIT 1001
