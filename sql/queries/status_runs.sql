-- The last run of each command, on any host, idle ones included. Uses runs_command_idx: a jump from command to command,
-- since a minute's cron leaves half a million rows a year.
WITH RECURSIVE commands AS (
    (SELECT command FROM socialcron.runs ORDER BY command LIMIT 1)
    UNION ALL
    SELECT (SELECT r.command FROM socialcron.runs AS r WHERE r.command > c.command ORDER BY r.command LIMIT 1)
      FROM commands AS c
     WHERE c.command IS NOT NULL
)
SELECT r.command, r.host, r.started_at, r.finished_at, r.exit_code, r.idle, r.outcome, r.error,
       extract(epoch FROM now() - coalesce(r.finished_at, r.started_at))::float8 AS seconds_ago
  FROM commands AS c
 CROSS JOIN LATERAL (
       SELECT * FROM socialcron.runs WHERE command = c.command ORDER BY started_at DESC LIMIT 1) AS r
 ORDER BY r.command
