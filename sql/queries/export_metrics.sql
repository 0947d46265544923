-- Every reading whose slot lies in [begin, end), nulls unbounded: a post after the other, each in the order of time.
-- Read by a cursor; uses the primary keys of the months in question, merged.
SELECT m.post_id, m.account_id, a.platform, a.handle, p.url, p.posted_at, m.slot_at, m.read_at,
       m.views, m.likes, m.comments, m.shares, m.saves
  FROM socialcron.post_metrics AS m
  LEFT JOIN socialcron.posts AS p ON p.id = m.post_id
  LEFT JOIN socialcron.accounts AS a ON a.id = m.account_id
 WHERE (%(begin)s::timestamptz IS NULL OR m.slot_at >= %(begin)s)
   AND (%(end)s::timestamptz IS NULL OR m.slot_at < %(end)s)
 ORDER BY m.post_id, m.slot_at
