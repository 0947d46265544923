-- Monitored profiles, the most viewed first.
SELECT id, platform, handle, monitoring_enabled, last_run_at, next_run_at, posts, views, likes, comments, shares, saves,
       error_class, last_error
  FROM socialcron.profiles
 ORDER BY views DESC NULLS LAST, id
 LIMIT %(most)s
