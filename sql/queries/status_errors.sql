-- The commonest errors of the last `days` days: of the latest `sample` tries that ended in one, and of as many posts that
-- failed before a try began or whose try has not ended (unconfirmed).
-- Uses publish_attempts_errors_idx and posts_trouble_idx.
WITH attempts AS MATERIALIZED (
    SELECT account_id, error_class, error, ended_at AS at
      FROM socialcron.publish_attempts
     WHERE error_class IS NOT NULL AND ended_at > now() - make_interval(days => %(days)s)
     ORDER BY ended_at DESC
     LIMIT %(sample)s
), posts AS MATERIALIZED (
    SELECT p.id, p.account_id, p.error_class, p.last_error AS error, p.updated_at AS at
      FROM unnest(ARRAY['failed', 'unconfirmed']) AS s (status)
     CROSS JOIN LATERAL (
           SELECT *
             FROM socialcron.posts
            WHERE status = s.status AND status IN ('processing', 'failed', 'unconfirmed', 'missed', 'cancelled')
              AND updated_at > now() - make_interval(days => %(days)s)
            ORDER BY updated_at DESC
            LIMIT %(sample)s / 10) AS p
     WHERE p.error_class IS NOT NULL
), all_errors AS (
    SELECT account_id, error_class, error, at FROM attempts
    UNION ALL
    SELECT p.account_id, p.error_class, p.error, p.at
      FROM posts AS p
     WHERE NOT EXISTS (SELECT FROM socialcron.publish_attempts AS t
                        WHERE t.post_id = p.id AND t.error_class IS NOT NULL AND t.ended_at IS NOT NULL)
)
SELECT a.platform, e.error_class, count(*) AS count, max(e.at) AS last_at,
       (array_agg(left(e.error, 300) ORDER BY e.at DESC))[1] AS example
  FROM all_errors AS e
  JOIN socialcron.accounts AS a ON a.id = e.account_id
 GROUP BY a.platform, e.error_class
 ORDER BY count(*) DESC, a.platform, e.error_class
 LIMIT 10
