-- A fact: the platform refused this send. A step that was ever unknown stays unknown: its refusal proves nothing.
UPDATE socialcron.publish_attempts
   SET phase = CASE WHEN sends > 1 THEN 'unknown' ELSE 'refused' END,
       error_class = %(error_class)s, error = %(error)s, retryable = %(retryable)s, http_status = %(http_status)s,
       ended_at = clock_timestamp()
 WHERE id = %(attempt_id)s AND phase = 'sending'
RETURNING phase
