-- What trigger-monitoring would take, in its order. Uses profiles_requested_idx and profiles_due_idx. Claims nothing.
SELECT id, platform, handle, requested_at IS NOT NULL AS manual
  FROM socialcron.profiles
 WHERE (requested_at <= now() OR monitoring_enabled AND next_run_at <= now())
   AND (lease_until IS NULL OR lease_until <= now())
   AND (%(platforms)s::text[] IS NULL OR platform = ANY(%(platforms)s))
 ORDER BY requested_at, next_run_at, id
 LIMIT %(batch_size)s
