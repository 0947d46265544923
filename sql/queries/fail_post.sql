-- A decision: no further try. A post whose first step is out stays posted, marked with the step it stopped at.
UPDATE socialcron.posts
   SET status = CASE WHEN remote_id IS NOT NULL THEN 'posted'
                     WHEN cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE 'failed' END,
       incomplete_at_step = CASE WHEN remote_id IS NOT NULL THEN %(step)s END,
       error_class = %(error_class)s, last_error = %(error)s, retry_at = NULL, reconcile_at = NULL,
       claim_token = NULL, lease_until = NULL
 WHERE id = %(post_id)s AND claim_token = %(claim_token)s AND status = 'processing'
RETURNING status
