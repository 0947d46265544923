-- The posts of a recurrence by status. Uses posts_recurrence_idx.
SELECT status, count(*) AS posts
  FROM socialcron.posts
 WHERE recurrence_id = %(recurrence_id)s
 GROUP BY status
