-- A fact, recorded by attempt id whoever holds the post by now: this step is out. Moves the post in the same breath.
-- complete: no step is left. Idempotent: a second call changes nothing and returns no row.
-- With steps left, the holder goes on; a post nobody holds is scheduled again to continue; one that was given up
-- (failed, cancelled) is posted up to here.
WITH fact AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'confirmed', remote_id = %(remote_id)s, url = %(url)s, answer = %(answer)s, http_status = %(http_status)s,
           error_class = NULL, error = NULL, retryable = NULL, ended_at = clock_timestamp()
     WHERE id = %(attempt_id)s AND phase IN ('sending', 'unknown')
    RETURNING post_id, step
)
UPDATE socialcron.posts AS p
   SET remote_id = CASE WHEN f.step = 0 THEN %(remote_id)s ELSE p.remote_id END,
       url = CASE WHEN f.step = 0 THEN %(url)s ELSE p.url END,
       posted_at = coalesce(p.posted_at, clock_timestamp()),
       status = n.status,
       attempt = CASE WHEN n.status = 'scheduled' THEN greatest(p.attempt - 1, 0) ELSE p.attempt END,
       retry_at = NULL, reconcile_at = NULL,
       incomplete_at_step = CASE WHEN n.status = 'posted' AND NOT %(complete)s THEN f.step + 1 END,
       error_class = CASE WHEN n.status = 'posted' AND NOT %(complete)s THEN p.error_class END,
       last_error = CASE WHEN n.status = 'posted' AND NOT %(complete)s THEN p.last_error END,
       claim_token = CASE WHEN n.status = 'processing' THEN p.claim_token END,
       lease_until = CASE WHEN n.status = 'processing' THEN p.lease_until END
  FROM fact AS f,
       LATERAL (SELECT CASE WHEN %(complete)s THEN 'posted'
                            WHEN p.status = 'processing' THEN 'processing'
                            WHEN p.status IN ('unconfirmed', 'scheduled') THEN 'scheduled'
                            ELSE 'posted' END AS status
                  FROM socialcron.posts AS p WHERE p.id = (SELECT post_id FROM fact)) AS n
 WHERE p.id = f.post_id
RETURNING p.status
