-- One row per command and host says when it last ran without anything to do. Uses runs_heartbeat. Not flushed to disk.
INSERT INTO socialcron.runs (command, host, idle, started_at, finished_at, exit_code)
VALUES (%(command)s, %(host)s, true, now(), now(), 0)
ON CONFLICT (command, host) WHERE idle DO UPDATE SET started_at = now(), finished_at = now()
RETURNING set_config('synchronous_commit', 'off', true)
