-- By day of the zone, what went out, is to go out and did not: for days with posts in [begin, end).
-- Uses posts_posted_idx and posts_due_idx, index only where the tables are vacuumed.
SELECT day, sum(posted)::bigint AS posted, sum(scheduled)::bigint AS scheduled, sum(trouble)::bigint AS trouble
  FROM (SELECT (posted_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS posted, 0 AS scheduled, 0 AS trouble
          FROM socialcron.posts
         WHERE posted_at >= %(begin)s AND posted_at < %(end)s
         GROUP BY day
         UNION ALL
        SELECT (due_at AT TIME ZONE %(zone)s)::date, 0, count(*) FILTER (WHERE status IN ('scheduled', 'processing')),
               count(*) FILTER (WHERE status IN ('failed', 'missed', 'unconfirmed'))
          FROM socialcron.posts
         WHERE status IN ('scheduled', 'processing', 'failed', 'missed', 'unconfirmed')
           AND due_at >= %(begin)s AND due_at < %(end)s
         GROUP BY 1) AS counted
 GROUP BY day
 ORDER BY day
