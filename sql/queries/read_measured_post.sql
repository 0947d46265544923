-- A published post and when it is read next. No row: it is not published, or not there.
SELECT s.post_id, s.account_id, a.platform, a.handle, p.url, s.posted_at, s.next_at, s.gone_at, s.tries, s.error_class, s.last_error,
       left(c.text, 300) AS text
  FROM socialcron.metric_schedules AS s
  JOIN socialcron.posts AS p ON p.id = s.post_id
  JOIN socialcron.contents AS c ON c.id = p.content_id
  JOIN socialcron.accounts AS a ON a.id = s.account_id
 WHERE s.post_id = %(post_id)s
