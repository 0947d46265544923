-- The posts of a recurrence that are to go out next. Uses posts_recurrence_idx.
SELECT id, status, due_at, held_at
  FROM socialcron.posts
 WHERE recurrence_id = %(recurrence_id)s AND status IN ('scheduled', 'processing')
 ORDER BY occurs_at
 LIMIT %(count)s
