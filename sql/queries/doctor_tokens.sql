-- Active accounts that only a person can connect again within `days`, soonest first, or past that: less than 0.
SELECT id, platform, handle, extract(epoch FROM refresh_expires_at - now())::float8 / 86400 AS days_left
  FROM socialcron.accounts
 WHERE status = 'active' AND refresh_expires_at < now() + make_interval(days => %(days)s)
 ORDER BY refresh_expires_at, id
 LIMIT 1000
