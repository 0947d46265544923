-- A decision: every step was already out when this run took the post (its last run died before it could say so).
UPDATE socialcron.posts
   SET status = 'posted', incomplete_at_step = NULL, error_class = NULL, last_error = NULL, retry_at = NULL,
       claim_token = NULL, lease_until = NULL
 WHERE id = %(post_id)s AND claim_token = %(claim_token)s AND status = 'processing'
RETURNING status
