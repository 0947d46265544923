-- Close runs that were broken off so long ago that their numbers would be of two days. Uses monitoring_runs_open_idx.
UPDATE socialcron.monitoring_runs AS r
   SET status = 'failed', finished_at = now(), error_class = coalesce(r.error_class, 'platform_error'),
       error = 'it was broken off and not resumed within ' || %(resume_hours)s::integer || ' hours' || coalesce(': ' || r.error, '')
  FROM socialcron.profiles AS p
 WHERE p.id = r.profile_id AND r.status IN ('pending', 'running')
   AND r.started_at < now() - make_interval(hours => %(resume_hours)s)
   AND (p.lease_until IS NULL OR p.lease_until <= now())
