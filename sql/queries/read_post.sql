-- One post with everything around it, for people. Uses the primary keys.
SELECT p.id, p.account_id, a.platform, a.handle, p.status, p.due_at, p.ready_at, p.retry_at, p.held_at, c.approved_at,
       p.content_id, p.priority, p.attempt, p.max_attempts, p.revision, p.external_key, p.remote_id, p.url, p.posted_at,
       extract(epoch FROM p.posted_at - p.due_at)::float8 AS time_to_post_seconds, p.incomplete_at_step, p.error_class,
       p.last_error, p.cancel_requested_at, p.reconcile_at, p.first_claimed_at, p.heartbeat_at, p.lease_until, p.allow_duplicate,
       p.recurrence_id, p.occurs_at, p.created_at, p.updated_at, c.text, c.media, c.link, c.poll, c.thread, c.first_comment, c.variants
  FROM socialcron.posts AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
  JOIN socialcron.contents AS c ON c.id = p.content_id
 WHERE p.id = %(post_id)s
