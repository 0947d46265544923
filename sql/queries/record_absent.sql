-- A decision on an unconfirmed post: the step provably never arrived. Only now may another attempt open.
-- Back to the queue while attempts remain, else failed (posted up to here, if its first step is out).
-- draw_new_key: the id we chose is taken by something else.
WITH attempt AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'absent', looks = looks || clock_timestamp(), ended_at = clock_timestamp()
     WHERE id = %(attempt_id)s AND phase = 'unknown'
       AND EXISTS (SELECT FROM socialcron.posts
                    WHERE id = post_id AND claim_token = %(claim_token)s AND status = 'unconfirmed')
    RETURNING post_id, step
)
UPDATE socialcron.posts AS p
   SET status = CASE WHEN p.cancel_requested_at IS NOT NULL THEN 'cancelled'
                     WHEN p.attempt < p.max_attempts THEN 'scheduled'
                     WHEN p.remote_id IS NOT NULL THEN 'posted' ELSE 'failed' END,
       incomplete_at_step = CASE WHEN p.attempt >= p.max_attempts AND p.remote_id IS NOT NULL THEN a.step END,
       retry_at = NULL, reconcile_at = NULL, last_error = %(error)s,
       key_seed = CASE WHEN %(draw_new_key)s THEN gen_random_uuid() ELSE p.key_seed END,
       claim_token = NULL, lease_until = NULL
  FROM attempt AS a
 WHERE p.id = a.post_id
RETURNING p.status
