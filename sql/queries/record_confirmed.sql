-- A fact, recorded by attempt id whoever holds the post by now: this step is out. Moves the post in the same breath.
-- complete: no step is left. look_in_seconds: when to ask for the name of a post that has a provisional one; null: it is
-- final. Idempotent: a second call changes nothing and returns no row.
-- With steps left, the holder goes on; a post nobody holds is scheduled again to continue; one that was given up
-- (failed, cancelled) is posted up to here.
-- The post's status is read from the row being updated and nowhere else: when recovery changes it while we wait, a
-- second reading of the row, even in a join, would still be the old one, and the post `processing` without a holder.
WITH fact AS (
    UPDATE socialcron.publish_attempts
       SET phase = 'confirmed', remote_id = %(remote_id)s, url = %(url)s, answer = %(answer)s, http_status = %(http_status)s,
           provisional = %(look_in_seconds)s::float8 IS NOT NULL,
           error_class = NULL, error = NULL, retryable = NULL, ended_at = clock_timestamp()
     WHERE id = %(attempt_id)s AND phase IN ('sending', 'unknown')
    RETURNING post_id, step
)
UPDATE socialcron.posts AS p
   SET remote_id = CASE WHEN f.step = 0 THEN %(remote_id)s ELSE p.remote_id END,
       url = CASE WHEN f.step = 0 THEN %(url)s ELSE p.url END,
       posted_at = coalesce(p.posted_at, clock_timestamp()),
       status = CASE WHEN %(complete)s THEN 'posted'
                     WHEN p.status = 'processing' THEN 'processing'
                     WHEN p.status IN ('unconfirmed', 'scheduled') THEN 'scheduled'
                     ELSE 'posted' END,
       attempt = CASE WHEN NOT %(complete)s AND p.status IN ('unconfirmed', 'scheduled') THEN greatest(p.attempt - 1, 0)
                      ELSE p.attempt END,
       retry_at = NULL, reconcile_at = clock_timestamp() + make_interval(secs => %(look_in_seconds)s),
       incomplete_at_step = CASE WHEN NOT %(complete)s AND p.status NOT IN ('processing', 'unconfirmed', 'scheduled')
                                 THEN f.step + 1 END,
       error_class = CASE WHEN NOT %(complete)s AND p.status NOT IN ('processing', 'unconfirmed', 'scheduled')
                          THEN p.error_class END,
       last_error = CASE WHEN NOT %(complete)s AND p.status NOT IN ('processing', 'unconfirmed', 'scheduled')
                         THEN p.last_error END,
       claim_token = CASE WHEN NOT %(complete)s AND p.status = 'processing' THEN p.claim_token END,
       lease_until = CASE WHEN NOT %(complete)s AND p.status = 'processing' THEN p.lease_until END
  FROM fact AS f
 WHERE p.id = f.post_id
RETURNING p.status
