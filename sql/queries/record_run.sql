-- One execution of a cron command that did something.
INSERT INTO socialcron.runs (command, host, started_at, finished_at, exit_code, outcome, error)
VALUES (%(command)s, %(host)s, now() - make_interval(secs => %(duration_seconds)s), now(), %(exit_code)s, %(outcome)s, %(error)s)
