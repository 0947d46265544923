-- By platform: what went out in the last `days` days and how long after its time, and posts that needed three tries or
-- more. Uses posts_posted_idx; the latest `sample` posts at most, so that the answer comes at once. approximate: the
-- sample is full, and what it says of is a shorter time.
WITH recent AS MATERIALIZED (
    SELECT account_id, attempt, posted_at, extract(epoch FROM posted_at - due_at)::float8 AS late_seconds
      FROM socialcron.posts
     WHERE posted_at > now() - make_interval(days => %(days)s)
     ORDER BY posted_at DESC
     LIMIT %(sample)s
)
SELECT a.platform, count(*) AS posted, avg(r.late_seconds) AS average_seconds, max(r.late_seconds) AS slowest_seconds,
       count(*) FILTER (WHERE r.attempt >= 3) AS high_retries, min(r.posted_at) AS since,
       (SELECT count(*) FROM recent) >= %(sample)s AS approximate
  FROM recent AS r
  JOIN socialcron.accounts AS a ON a.id = r.account_id
 GROUP BY a.platform
 ORDER BY a.platform
