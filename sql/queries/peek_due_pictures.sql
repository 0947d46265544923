-- What cache-media would find: pictures due by profile, and profiles whose last run has not been looked through.
-- Uses media_cache_due_idx. Claims nothing.
SELECT r.id AS profile_id, r.platform, r.handle, coalesce(due.pictures, 0) AS pictures,
       r.last_run_at IS DISTINCT FROM r.pictures_listed_at AS unlisted
  FROM socialcron.profiles AS r
  LEFT JOIN (SELECT p.profile_id, count(*)::integer AS pictures
               FROM socialcron.media_cache AS m JOIN socialcron.profile_posts AS p ON p.id = m.profile_post_id
              WHERE m.status IN ('waiting', 'active') AND m.next_at <= now()
                AND (m.lease_until IS NULL OR m.lease_until <= now())
              GROUP BY p.profile_id) AS due ON due.profile_id = r.id
 WHERE (due.pictures > 0 OR r.last_run_at IS DISTINCT FROM r.pictures_listed_at)
   AND (%(platforms)s::text[] IS NULL OR r.platform = ANY(%(platforms)s))
 ORDER BY due.pictures DESC NULLS LAST, r.id
 LIMIT %(batch_size)s
