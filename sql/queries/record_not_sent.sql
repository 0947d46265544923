-- A fact: `sending` was committed (or may have been), but provably no byte left this host. The send is not counted.
-- Second half, after lock_attempts, of one transaction.
UPDATE socialcron.publish_attempts
   SET phase = CASE WHEN sends > 1 THEN 'unknown' ELSE 'prepared' END,
       first_sending_at = CASE WHEN sends > 1 THEN first_sending_at END,
       sending_at = CASE WHEN sends > 1 THEN sending_at END,
       sends = sends - 1,
       error_class = %(error_class)s, error = %(error)s, retryable = true, ended_at = clock_timestamp()
 WHERE id = ANY(%(attempt_ids)s) AND phase = 'sending'
