-- Posts not out yet that have needed three tries or more, of the latest `sample` tries that failed.
-- Uses publish_attempts_errors_idx.
WITH recent AS MATERIALIZED (
    SELECT post_id, attempt
      FROM socialcron.publish_attempts
     WHERE error_class IS NOT NULL AND ended_at > now() - make_interval(days => %(days)s)
     ORDER BY ended_at DESC
     LIMIT %(sample)s
)
SELECT p.id, a.platform, a.handle, p.status, p.attempt, p.max_attempts, p.error_class, left(p.last_error, 300) AS last_error
  FROM socialcron.posts AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE p.id IN (SELECT post_id FROM recent WHERE attempt >= 3) AND p.attempt >= 3 AND p.status IN ('scheduled', 'processing')
 ORDER BY p.attempt DESC, p.id DESC
 LIMIT 10
