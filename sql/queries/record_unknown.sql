-- A fact: nobody can say whether this step is out. Its post is unconfirmed until the platform has been asked.
-- error_class null: no trouble, the platform took it and decides later. handles: what to ask by, if the answer gave some.
-- Those are kept also when recovery was here before the answer: nothing else leads to what the platform made of it. The
-- claim of who is asking without them is void.
-- look_in_seconds: when to ask first; null where the platform gives no means and a person must look.
WITH fact AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'unknown', error_class = %(error_class)s, error = %(error)s, retryable = false,
           http_status = %(http_status)s, handles = coalesce(%(handles)s, handles)
     WHERE id = %(attempt_id)s AND (phase = 'sending' OR phase = 'unknown' AND %(handles)s::jsonb IS NOT NULL)
    RETURNING post_id
)
UPDATE socialcron.posts AS p
   SET status = 'unconfirmed', error_class = %(error_class)s, last_error = %(error)s,
       reconcile_at = clock_timestamp() + make_interval(secs => %(look_in_seconds)s),
       claim_token = NULL, lease_until = NULL
  FROM fact
 WHERE p.id = fact.post_id AND p.status IN ('processing', 'unconfirmed', 'scheduled')
RETURNING p.id
