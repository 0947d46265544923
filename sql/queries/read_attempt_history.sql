-- Every try at every step of a post, in order; without the rendered requests. Uses publish_attempts_post_idx.
SELECT id, attempt, step, phase, error_class, retryable, http_status, error, sends, first_sending_at, sending_at,
       looks, remote_id, url, opened_at, ended_at
  FROM socialcron.publish_attempts
 WHERE post_id = %(post_id)s
 ORDER BY id
