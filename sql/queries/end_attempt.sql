-- Close an attempt that failed before anything was sent.
UPDATE socialcron.publish_attempts
   SET error_class = %(error_class)s, error = %(error)s, retryable = %(retryable)s, http_status = %(http_status)s,
       ended_at = clock_timestamp()
 WHERE id = %(attempt_id)s AND phase IN ('claimed', 'prepared')
