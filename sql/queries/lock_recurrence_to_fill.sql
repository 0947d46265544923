-- The recurrence that has waited longest for more posts, ours until the transaction ends; another run takes the next.
-- Uses recurrences_fill_idx.
SELECT id, account_id, rrule, starts_at, filled_until, now() AT TIME ZONE zone AS local_now
  FROM socialcron.recurrences
 WHERE fill_at <= now()
 ORDER BY fill_at, id
 LIMIT 1
   FOR UPDATE SKIP LOCKED
