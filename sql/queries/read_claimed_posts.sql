-- Everything a run needs to know of the posts it claimed. Uses the primary keys.
SELECT p.id, p.account_id, p.content_id, p.status, p.due_at, p.attempt, p.max_attempts, p.revision, p.key_seed,
       p.claim_token, p.allow_duplicate, p.remote_id, p.priority,
       extract(epoch FROM greatest(p.due_at - clock_timestamp(), interval '0'))::float8 AS seconds_to_due,
       extract(epoch FROM p.lease_until - clock_timestamp())::float8 AS lease_seconds,
       clock_timestamp() AS read_at,
       c.text, c.media, c.link, c.poll, c.thread, c.first_comment, c.variants
  FROM socialcron.posts AS p
  JOIN socialcron.contents AS c ON c.id = p.content_id
 WHERE p.id = ANY(%(post_ids)s)
 ORDER BY p.due_at, p.id
