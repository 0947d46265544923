-- Rate limits that say something now: requests left, or blocked. The tightest first.
SELECT key, platform, account_id, family, limit_requests, remaining, reset_at, blocked_until, observed_at
  FROM socialcron.rate_limits
 WHERE blocked_until > now() OR reset_at > now()
 ORDER BY blocked_until > now() DESC NULLS LAST, remaining::float8 / nullif(limit_requests, 0) NULLS LAST, key
 LIMIT 20
