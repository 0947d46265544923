-- The platform's word on a bucket. Within a window only lower; a later window replaces it; an older answer is ignored.
-- reset_in_seconds is from our database's clock; answers of one window may differ by rounding, hence the 2 seconds.
INSERT INTO socialcron.rate_limits AS r
       (key, platform, account_id, family, limit_requests, remaining, reset_at, blocked_until, observed_at)
VALUES (%(key)s, %(platform)s, %(account_id)s, %(family)s, %(limit)s, %(remaining)s, %(reset_at)s,
        clock_timestamp() + make_interval(secs => %(blocked_seconds)s), clock_timestamp())
ON CONFLICT (key) DO UPDATE
   SET limit_requests = coalesce(EXCLUDED.limit_requests, r.limit_requests),
       remaining = CASE WHEN r.reset_at IS NULL OR EXCLUDED.reset_at > r.reset_at + interval '2 seconds' THEN EXCLUDED.remaining
                        WHEN EXCLUDED.reset_at < r.reset_at - interval '2 seconds' THEN r.remaining
                        ELSE least(r.remaining, EXCLUDED.remaining) END,
       reset_at = greatest(r.reset_at, EXCLUDED.reset_at),
       blocked_until = greatest(r.blocked_until, EXCLUDED.blocked_until),
       observed_at = clock_timestamp()
