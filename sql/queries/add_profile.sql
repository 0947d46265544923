-- Watch a profile from the next run on. No row: it is watched already.
INSERT INTO socialcron.profiles (platform, handle, interval)
VALUES (%(platform)s, %(handle)s, make_interval(secs => %(interval_seconds)s))
ON CONFLICT (platform, lower(handle)) DO NOTHING
RETURNING id
