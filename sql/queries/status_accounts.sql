-- Accounts by status, and how many of the active ones a rate limit blocks or have autopost switched off.
SELECT count(*) FILTER (WHERE status = 'active') AS active,
       count(*) FILTER (WHERE status = 'needs_reconnect') AS needs_reconnect,
       count(*) FILTER (WHERE status = 'disabled') AS disabled,
       count(*) FILTER (WHERE status = 'active' AND blocked_until > now()) AS blocked,
       count(*) FILTER (WHERE status = 'active' AND NOT autopost_enabled) AS autopost_off
  FROM socialcron.accounts
