-- The latest runs of a profile, newest first. Uses monitoring_runs_profile_idx. finished: only those that have ended.
SELECT id, status, manual, created_at, started_at, finished_at, pages, posts, error_class, error,
       total_posts, total_views, total_likes, total_shares, total_comments, total_saves
  FROM socialcron.monitoring_runs
 WHERE profile_id = %(profile_id)s AND (finished_at IS NOT NULL OR NOT %(finished)s)
 ORDER BY id DESC
 LIMIT %(batch_size)s
