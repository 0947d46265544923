-- Profiles with their state. profile_id, handle, platforms: null for all. Uses the primary key or profiles_handle_idx.
SELECT p.id, p.platform, p.handle, p.external_id, p.monitoring_enabled, p.interval, p.last_run_at, p.next_run_at,
       p.requested_at, p.lease_until > now() IS TRUE AS running, p.posts, p.views, p.likes, p.shares, p.comments, p.saves,
       p.error_class, p.last_error, p.created_at
  FROM socialcron.profiles AS p
 WHERE (%(profile_id)s::bigint IS NULL OR p.id = %(profile_id)s)
   AND (%(handle)s::text IS NULL OR lower(p.handle) = lower(%(handle)s))
   AND (%(platforms)s::text[] IS NULL OR p.platform = ANY(%(platforms)s))
 ORDER BY p.id
