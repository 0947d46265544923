-- A decision on an unconfirmed post: the platform had it, and gave up on it for good. Its attempt ends as refused.
-- retry_in_seconds: back to the queue; null: no further try (posted up to here, if its first step is out).
-- give_back: this attempt did not count.
WITH attempt AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'refused', error_class = %(error_class)s, error = %(error)s, retryable = %(retryable)s,
           ended_at = clock_timestamp()
     WHERE id = %(attempt_id)s AND phase = 'unknown'
       AND EXISTS (SELECT FROM socialcron.posts
                    WHERE id = post_id AND claim_token = %(claim_token)s AND status = 'unconfirmed')
    RETURNING post_id, step
)
UPDATE socialcron.posts AS p
   SET status = CASE WHEN p.cancel_requested_at IS NOT NULL THEN 'cancelled'
                     WHEN %(retry_in_seconds)s::float8 IS NOT NULL THEN 'scheduled'
                     WHEN p.remote_id IS NOT NULL THEN 'posted' ELSE 'failed' END,
       incomplete_at_step = CASE WHEN %(retry_in_seconds)s::float8 IS NULL AND p.remote_id IS NOT NULL THEN a.step END,
       attempt = p.attempt - CASE WHEN %(give_back)s AND p.attempt > 0 THEN 1 ELSE 0 END,
       retry_at = clock_timestamp() + make_interval(secs => %(retry_in_seconds)s), reconcile_at = NULL,
       error_class = %(error_class)s, last_error = %(error)s, claim_token = NULL, lease_until = NULL
  FROM attempt AS a
 WHERE p.id = a.post_id
RETURNING p.status
