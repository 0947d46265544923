-- Posts with what they say: those named, or those due within `upcoming` seconds. Uses posts_due_idx or the primary key.
SELECT p.id, p.account_id, a.platform, a.handle, a.settings, p.due_at, c.text, c.media, c.link, c.poll, c.thread,
       c.first_comment, c.variants
  FROM socialcron.posts AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
  JOIN socialcron.contents AS c ON c.id = p.content_id
 WHERE CASE WHEN %(post_ids)s::bigint[] IS NULL THEN p.status = 'scheduled' ELSE p.id = ANY(%(post_ids)s) END
   AND (%(post_ids)s::bigint[] IS NOT NULL OR p.due_at <= now() + make_interval(secs => %(upcoming_seconds)s))
 ORDER BY p.due_at, p.id
