-- A decision: back to the queue, to be tried again `retry_in_seconds` from now (null: as soon as it is due).
-- give_back: this attempt did not count (a release, a rate limit, the breaker). Obeys a cancel that came meanwhile.
UPDATE socialcron.posts
   SET status = CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE 'scheduled' END,
       attempt = attempt - CASE WHEN %(give_back)s AND attempt > 0 THEN 1 ELSE 0 END,
       retry_at = clock_timestamp() + make_interval(secs => %(retry_in_seconds)s),
       error_class = coalesce(%(error_class)s, error_class), last_error = coalesce(%(error)s, last_error),
       claim_token = NULL, lease_until = NULL
 WHERE id = %(post_id)s AND claim_token = %(claim_token)s AND status = 'processing'
RETURNING status
