-- Somebody asks for what could not be had or was dropped. Reads the whole table.
UPDATE socialcron.media_cache AS m
   SET status = 'waiting', next_at = least(p.published_at, now()), tries = 0, error_class = NULL, error = NULL
  FROM socialcron.profile_posts AS p JOIN socialcron.profiles AS r ON r.id = p.profile_id
 WHERE p.id = m.profile_post_id AND m.status IN ('failed', 'gone', 'dropped')
   AND (%(platforms)s::text[] IS NULL OR r.platform = ANY(%(platforms)s))
