-- T1 of a token refresh: a lease, not a row lock, for it spans an HTTP request. No row: another process refreshes, or
-- has refreshed. minimum_seconds: a token younger than that is not refreshed again, so that a platform that refuses
-- each new token cannot make us burn them in a loop.
UPDATE socialcron.accounts
   SET refresh_claim = %(refresh_claim)s, refresh_until = clock_timestamp() + make_interval(secs => 90)
 WHERE id = %(account_id)s AND token_version = %(token_version)s AND status = 'active'
   AND (refresh_until IS NULL OR refresh_until <= clock_timestamp())
   AND (refreshed_at IS NULL OR refreshed_at <= clock_timestamp() - make_interval(secs => %(minimum_seconds)s))
RETURNING id
