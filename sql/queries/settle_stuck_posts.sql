-- Second half of recovery, with a fresh snapshot on the rows just locked: a step left in `sending` is unknown, its
-- post unconfirmed; all others go back to the queue while attempts remain.
-- platforms, look_in_seconds: when to ask each platform first, counted from the send; null: a person must look.
WITH means AS (
    SELECT * FROM unnest(%(platforms)s::text[], %(look_in_seconds)s::float8[]) AS m (platform, look_in_seconds)
), unknown AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'unknown', error_class = 'unknown_outcome', retryable = false,
           error = 'the run died while it sent this step'
     WHERE post_id = ANY(%(post_ids)s) AND phase = 'sending'
    RETURNING post_id, sending_at
), ended AS (
    UPDATE socialcron.publish_attempts
       SET ended_at = now(), error_class = 'network', retryable = true, error = 'the run died before it sent this step'
     WHERE post_id = ANY(%(post_ids)s) AND phase IN ('claimed', 'prepared') AND ended_at IS NULL
)
UPDATE socialcron.posts AS p
   SET status = CASE WHEN u.post_id IS NOT NULL THEN 'unconfirmed'
                     WHEN p.cancel_requested_at IS NOT NULL THEN 'cancelled'
                     WHEN p.attempt < p.max_attempts THEN 'scheduled'
                     WHEN p.remote_id IS NOT NULL THEN 'posted'
                     ELSE 'failed' END,
       reconcile_at = CASE WHEN u.post_id IS NOT NULL THEN u.sending_at + make_interval(secs => m.look_in_seconds) END,
       incomplete_at_step = CASE WHEN u.post_id IS NULL AND p.attempt >= p.max_attempts AND p.remote_id IS NOT NULL
                                 THEN (SELECT max(step) + 1 FROM socialcron.publish_attempts
                                        WHERE post_id = p.id AND phase = 'confirmed') END,
       error_class = CASE WHEN u.post_id IS NOT NULL THEN 'unknown_outcome' ELSE 'network' END,
       last_error = CASE WHEN u.post_id IS NOT NULL THEN 'the run died while it sent this post' ELSE 'the run that held this post died' END,
       claim_token = NULL, lease_until = NULL
  FROM socialcron.posts AS held
  JOIN socialcron.accounts AS a ON a.id = held.account_id
  LEFT JOIN means AS m ON m.platform = a.platform
  LEFT JOIN unknown AS u ON u.post_id = held.id
 WHERE held.id = ANY(%(post_ids)s) AND p.id = held.id
RETURNING p.id, p.status
