-- The platform's word on some buckets, in key order. Within a window only lower; a later window replaces it; an older answer is ignored.
-- reset_in_seconds is from our database's clock; answers of one window may differ by rounding, hence the 2 seconds.
INSERT INTO socialcron.rate_limits AS r
       (key, platform, account_id, family, limit_requests, remaining, reset_at, blocked_until, observed_at)
SELECT o.key, o.platform, o.account_id, o.family, o.limit_requests, o.remaining, o.reset_at,
       clock_timestamp() + make_interval(secs => o.blocked_seconds), clock_timestamp()
  FROM jsonb_to_recordset(%(observed)s) AS o (key text, platform text, account_id bigint, family text, limit_requests integer,
                                              remaining integer, reset_at timestamptz, blocked_seconds float8)
 ORDER BY o.key
ON CONFLICT (key) DO UPDATE
   SET limit_requests = coalesce(EXCLUDED.limit_requests, r.limit_requests),
       remaining = CASE WHEN r.reset_at IS NULL OR EXCLUDED.reset_at > r.reset_at + interval '2 seconds' THEN EXCLUDED.remaining
                        WHEN EXCLUDED.reset_at < r.reset_at - interval '2 seconds' THEN r.remaining
                        ELSE least(r.remaining, EXCLUDED.remaining) END,
       reset_at = greatest(r.reset_at, EXCLUDED.reset_at),
       blocked_until = greatest(r.blocked_until, EXCLUDED.blocked_until),
       observed_at = clock_timestamp()
