-- Every post whose due time lies in [begin, end), nulls unbounded, by id: first the columns that `posts import` reads, then
-- those that say what became of it. Read by a cursor; uses the primary key, so that the first rows come at once.
SELECT a.platform || ':' || a.handle AS account, c.text, p.due_at AS at, c.media, c.link, c.thread, c.first_comment, c.poll,
       p.external_key AS key, p.priority, p.max_attempts, c.approved_at IS NULL AS draft,
       p.held_at IS NOT NULL AND p.status = 'scheduled' AS held, c.variants,
       p.id, p.account_id, p.status, p.held_at, p.posted_at, p.remote_id, p.url, p.attempt, p.error_class, p.last_error
  FROM socialcron.posts AS p
  JOIN socialcron.contents AS c ON c.id = p.content_id
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE (%(begin)s::timestamptz IS NULL OR p.due_at >= %(begin)s)
   AND (%(end)s::timestamptz IS NULL OR p.due_at < %(end)s)
 ORDER BY p.id
