-- The posts of a recurrence that may still be stopped, in id order. Whether a send of them has begun is for the next
-- statement to see, as in lock_post.sql. Uses posts_recurrence_idx.
SELECT id FROM socialcron.posts
 WHERE recurrence_id = %(recurrence_id)s AND status IN ('scheduled', 'processing')
 ORDER BY id
   FOR NO KEY UPDATE
