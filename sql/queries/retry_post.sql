-- Back to the queue with all its attempts; confirmed steps stay, so a thread goes on where it stopped.
-- first_claimed_at: it has been looked at, so it cannot be missed again. force: the duplicate guard lets it pass.
UPDATE socialcron.posts
   SET status = 'scheduled', retry_at = NULL, attempt = 0, first_claimed_at = coalesce(first_claimed_at, now()),
       allow_duplicate = allow_duplicate OR %(force)s, cancel_requested_at = NULL, incomplete_at_step = NULL,
       reconcile_at = NULL, error_class = NULL, last_error = NULL
 WHERE id = %(post_id)s
RETURNING status
