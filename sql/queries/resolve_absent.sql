-- A person has looked: the step is not out. Taking the claim token away makes every decision of a run that died void.
-- retry: back to the queue with all its attempts and the same key, which still protects where keys do.
WITH attempt AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'absent', ended_at = clock_timestamp(), error = 'a person has looked: it is not out'
     WHERE post_id = %(post_id)s AND phase IN ('sending', 'unknown')
    RETURNING step
)
UPDATE socialcron.posts AS p
   SET status = CASE WHEN %(retry)s THEN 'scheduled' WHEN p.remote_id IS NOT NULL THEN 'posted' ELSE 'failed' END,
       incomplete_at_step = CASE WHEN NOT %(retry)s AND p.remote_id IS NOT NULL THEN (SELECT min(step) FROM attempt) END,
       attempt = CASE WHEN %(retry)s THEN 0 ELSE p.attempt END,
       error_class = CASE WHEN NOT %(retry)s THEN 'unknown_outcome' END,
       last_error = CASE WHEN NOT %(retry)s THEN 'a person has looked: it is not out' END,
       retry_at = NULL, reconcile_at = NULL, cancel_requested_at = NULL, claim_token = NULL, lease_until = NULL
 WHERE p.id = %(post_id)s
RETURNING p.status
