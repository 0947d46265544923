-- The latest readings of one post, newest first. Uses the primary key, in each month.
SELECT read_at, views, likes, shares, comments, saves
  FROM socialcron.profile_post_metrics
 WHERE post_id = %(post_id)s
 ORDER BY read_at DESC
 LIMIT %(batch_size)s
