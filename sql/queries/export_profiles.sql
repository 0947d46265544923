-- Every reading of a post of a monitored profile in [begin, end), nulls unbounded: a post after the other, each in the
-- order of time. Read by a cursor; uses the primary keys of the months in question, merged.
SELECT m.profile_id, f.platform, f.handle, m.post_id, p.remote_id, p.url, p.published_at, m.read_at,
       m.views, m.likes, m.comments, m.shares, m.saves
  FROM socialcron.profile_post_metrics AS m
  LEFT JOIN socialcron.profile_posts AS p ON p.id = m.post_id
  LEFT JOIN socialcron.profiles AS f ON f.id = m.profile_id
 WHERE (%(begin)s::timestamptz IS NULL OR m.read_at >= %(begin)s)
   AND (%(end)s::timestamptz IS NULL OR m.read_at < %(end)s)
 ORDER BY m.post_id, m.read_at
