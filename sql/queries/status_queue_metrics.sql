-- Published posts by what becomes of their readings: due, being read, due later, over, over with an error. Counted up to
-- `most` each by metric_schedules_due_idx and metric_schedules_failed_idx; all there are, and in a large table those that
-- are due later, by the planner's statistics.
WITH size AS MATERIALIZED (
    SELECT c.reltuples > %(most)s AS large, c.reltuples AS rows,
           coalesce((SELECT null_frac FROM pg_catalog.pg_stats
                      WHERE schemaname = 'socialcron' AND tablename = 'metric_schedules' AND attname = 'next_at'), 0) AS over
      FROM pg_catalog.pg_class AS c
     WHERE c.oid = 'socialcron.metric_schedules'::regclass
), due AS (
    SELECT count(*) FILTER (WHERE lease_until > now()) AS active, count(*) AS all
      FROM (SELECT lease_until FROM socialcron.metric_schedules WHERE next_at <= now() LIMIT %(most)s + 1) AS few
), later AS (
    SELECT count(*) AS delayed
      FROM (SELECT FROM socialcron.metric_schedules WHERE next_at > now() LIMIT %(most)s + 1) AS few
), failures AS (
    SELECT count(*) AS failed
      FROM (SELECT FROM socialcron.metric_schedules WHERE next_at IS NULL AND error_class IS NOT NULL LIMIT %(most)s + 1) AS few
), counted AS (
    SELECT d.all - d.active AS waiting, d.active, f.failed, s.large,
           CASE WHEN s.large AND l.delayed > %(most)s
                THEN greatest(round(s.rows * (1 - s.over))::bigint - d.all, l.delayed) ELSE l.delayed END AS delayed,
           CASE WHEN s.large THEN round(s.rows)::bigint
                ELSE (SELECT count(*) FROM socialcron.metric_schedules) END AS total
      FROM size AS s, due AS d, later AS l, failures AS f
)
SELECT waiting, active, greatest(total - waiting - active - delayed - failed, 0) AS completed, failed, delayed,
       large AS approximate
  FROM counted
