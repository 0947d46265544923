-- The latest readings of one post, newest first. Uses the primary key, in each month.
SELECT slot_at, read_at, views, likes, comments, shares, saves
  FROM socialcron.post_metrics
 WHERE post_id = %(post_id)s
 ORDER BY slot_at DESC
 LIMIT %(batch_size)s
