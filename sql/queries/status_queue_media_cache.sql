-- Pictures: due, being fetched, tried later, kept (or dropped again for want of room), failed (or gone before). What is to be
-- done is counted up to `most` by media_cache_due_idx, the rest of a large table by the planner's statistics.
WITH jobs AS (
    SELECT count(*) FILTER (WHERE lease_until > now()) AS active,
           count(*) FILTER (WHERE lease_until > now() IS NOT TRUE AND (next_at <= now() OR status = 'active')) AS waiting,
           count(*) FILTER (WHERE status = 'waiting' AND next_at > now()) AS delayed
      FROM (SELECT status, next_at, lease_until
              FROM socialcron.media_cache
             WHERE status IN ('waiting', 'active')
             ORDER BY next_at
             LIMIT %(most)s + 1) AS few
), size AS MATERIALIZED (
    SELECT reltuples > %(most)s AS large, reltuples AS rows
      FROM pg_catalog.pg_class WHERE oid = 'socialcron.media_cache'::regclass
), ended AS (
    SELECT status, count(*) AS pictures
      FROM socialcron.media_cache
     WHERE NOT (SELECT large FROM size)
     GROUP BY status
     UNION ALL
    SELECT v.status, round(v.share * s.rows)::bigint
      FROM size AS s
      JOIN pg_catalog.pg_stats AS t
           ON s.large AND t.schemaname = 'socialcron' AND t.tablename = 'media_cache' AND t.attname = 'status'
     CROSS JOIN LATERAL unnest(t.most_common_vals::text::text[], t.most_common_freqs::float8[]) AS v (status, share)
)
SELECT j.waiting, j.active,
       coalesce((SELECT sum(pictures) FROM ended WHERE status IN ('cached', 'dropped')), 0)::bigint AS completed,
       coalesce((SELECT sum(pictures) FROM ended WHERE status IN ('failed', 'gone')), 0)::bigint AS failed,
       j.delayed, s.large AS approximate
  FROM jobs AS j, size AS s
