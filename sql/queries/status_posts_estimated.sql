-- Posts by status in a large table. What is rare is counted in posts_trouble_idx, up to `most` a status; the rest comes
-- from the planner's statistics (kept by autovacuum), because counting millions of rows takes seconds.
WITH statistics AS MATERIALIZED (
    SELECT s.status, s.share * c.reltuples AS posts
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_stats AS t ON t.schemaname = 'socialcron' AND t.tablename = 'posts' AND t.attname = 'status'
     CROSS JOIN LATERAL unnest(t.most_common_vals::text::text[], t.most_common_freqs::float8[]) AS s (status, share)
     WHERE c.oid = 'socialcron.posts'::regclass AND c.reltuples > 0
)
SELECT w.status, coalesce((SELECT round(s.posts)::bigint FROM statistics AS s WHERE s.status = w.status), 0) AS posts,
       true AS approximate
  FROM unnest(ARRAY['scheduled', 'posted']) AS w (status)
UNION ALL
SELECT w.status, least(n.seen, %(most)s), n.seen > %(most)s
  FROM unnest(ARRAY['processing', 'failed', 'unconfirmed', 'missed', 'cancelled']) AS w (status)
 CROSS JOIN LATERAL (
       SELECT count(*) AS seen
         FROM (SELECT FROM socialcron.posts AS p
                WHERE p.status = w.status
                  AND p.status IN ('processing', 'failed', 'unconfirmed', 'missed', 'cancelled')
                LIMIT %(most)s + 1) AS few) AS n
