-- Looks at profiles: due or asked for, under way, due later; and runs that ended. Profiles are counted up to `most`, runs in a
-- large table by the planner's statistics.
WITH jobs AS (
    SELECT count(*) FILTER (WHERE leased) AS active,
           count(*) FILTER (WHERE NOT leased AND due) AS waiting,
           count(*) FILTER (WHERE NOT leased AND NOT due AND monitoring_enabled) AS delayed
      FROM (SELECT lease_until > now() IS TRUE AS leased, monitoring_enabled,
                   monitoring_enabled AND next_run_at <= now() OR requested_at <= now() IS TRUE AS due
              FROM socialcron.profiles
             LIMIT %(most)s + 1) AS few
), size AS MATERIALIZED (
    SELECT reltuples > %(most)s AS large, reltuples AS rows
      FROM pg_catalog.pg_class WHERE oid = 'socialcron.monitoring_runs'::regclass
), ended AS (
    SELECT status, count(*) AS runs
      FROM socialcron.monitoring_runs
     WHERE NOT (SELECT large FROM size)
     GROUP BY status
     UNION ALL
    SELECT v.status, round(v.share * s.rows)::bigint
      FROM size AS s
      JOIN pg_catalog.pg_stats AS t
           ON s.large AND t.schemaname = 'socialcron' AND t.tablename = 'monitoring_runs' AND t.attname = 'status'
     CROSS JOIN LATERAL unnest(t.most_common_vals::text::text[], t.most_common_freqs::float8[]) AS v (status, share)
)
SELECT j.waiting, j.active,
       coalesce((SELECT sum(runs) FROM ended WHERE status = 'completed'), 0)::bigint AS completed,
       coalesce((SELECT sum(runs) FROM ended WHERE status = 'failed'), 0)::bigint AS failed,
       j.delayed, s.large AS approximate
  FROM jobs AS j, size AS s
