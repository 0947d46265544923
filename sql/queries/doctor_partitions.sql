-- Partitions of this month and the next (UTC) that are missing, of histories that have been written to at all.
SELECT wanted.name
  FROM unnest(%(parents)s::text[]) AS parent
 CROSS JOIN generate_series(0, 1) AS later
 CROSS JOIN LATERAL (
       SELECT parent || '_' || to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => later), 'YYYY_MM')
           AS name) AS wanted
 WHERE EXISTS (SELECT FROM pg_inherits WHERE inhparent = ('socialcron.' || parent)::regclass)
   AND to_regclass('socialcron.' || wanted.name) IS NULL
 ORDER BY wanted.name
