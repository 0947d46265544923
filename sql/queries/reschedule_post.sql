-- Another time, which the caller asks for; null: now. What was given up starts afresh, and no time is held against it.
UPDATE socialcron.posts
   SET due_at = coalesce(%(due_at)s, now()), retry_at = NULL, first_claimed_at = NULL, revision = revision + 1,
       attempt = CASE WHEN status = 'processing' THEN attempt ELSE 0 END,
       error_class = NULL, last_error = NULL,
       cancel_requested_at = CASE WHEN status = 'processing' THEN cancel_requested_at END,
       status = CASE WHEN status IN ('failed', 'missed', 'cancelled') THEN 'scheduled' ELSE status END
 WHERE id = %(post_id)s
RETURNING status, due_at
