-- The posts of a period (nulls unbounded), each with its latest reading, the first `batch_size` by `sort`; of its latest
-- `sample` posts at most, so that the answer comes at once. Uses posts_posted_idx and post_metrics' primary key per post.
WITH recent AS MATERIALIZED (
    SELECT id, account_id, content_id, url, posted_at
      FROM socialcron.posts
     WHERE posted_at IS NOT NULL
       AND (%(begin)s::timestamptz IS NULL OR posted_at >= %(begin)s)
       AND (%(end)s::timestamptz IS NULL OR posted_at < %(end)s)
     ORDER BY posted_at DESC
     LIMIT %(sample)s
), read AS (
    SELECT p.id AS post_id, p.account_id, p.content_id, p.url, p.posted_at, m.read_at,
           m.views, m.likes, m.comments, m.shares, m.saves
      FROM recent AS p
     CROSS JOIN LATERAL (
           SELECT * FROM socialcron.post_metrics WHERE post_id = p.id ORDER BY slot_at DESC LIMIT 1) AS m
)
SELECT r.post_id, r.account_id, a.platform, a.handle, left(c.text, 300) AS text, r.url, r.posted_at, r.read_at, s.gone_at,
       r.views, r.likes, r.comments, r.shares, r.saves
  FROM (SELECT *
          FROM read
         ORDER BY CASE %(sort)s WHEN 'views' THEN views WHEN 'likes' THEN likes WHEN 'comments' THEN comments
                                WHEN 'shares' THEN shares WHEN 'saves' THEN saves END DESC NULLS LAST,
                  posted_at DESC, post_id DESC
         LIMIT %(batch_size)s) AS r
  JOIN socialcron.accounts AS a ON a.id = r.account_id
  JOIN socialcron.contents AS c ON c.id = r.content_id
  LEFT JOIN socialcron.metric_schedules AS s ON s.post_id = r.post_id
 ORDER BY CASE %(sort)s WHEN 'views' THEN r.views WHEN 'likes' THEN r.likes WHEN 'comments' THEN r.comments
                        WHEN 'shares' THEN r.shares WHEN 'saves' THEN r.saves END DESC NULLS LAST,
          r.posted_at DESC, r.post_id DESC
