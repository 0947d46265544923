-- A fact: nobody can say whether this step is out. Its post is unconfirmed until the platform has been asked.
-- look_in_seconds: when to ask first; null where the platform gives no means and a person must look.
WITH fact AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'unknown', error_class = 'unknown_outcome', error = %(error)s, retryable = false,
           http_status = %(http_status)s
     WHERE id = %(attempt_id)s AND phase = 'sending'
    RETURNING post_id
)
UPDATE socialcron.posts AS p
   SET status = 'unconfirmed', error_class = 'unknown_outcome', last_error = %(error)s,
       reconcile_at = clock_timestamp() + make_interval(secs => %(look_in_seconds)s),
       claim_token = NULL, lease_until = NULL
  FROM fact
 WHERE p.id = fact.post_id AND p.status IN ('processing', 'unconfirmed', 'scheduled')
RETURNING p.id
