-- Facts, recorded by attempt id whoever holds the posts by now: these steps are out. Moves the posts in the same breath.
-- complete: no step is left. look_in_seconds: when to ask for the name of a post that has a provisional one; null: it is
-- final. Idempotent: a second call changes nothing and returns no rows. Uses the primary keys.
-- With steps left, the holder goes on; a post nobody holds is scheduled again to continue; one that was given up
-- (failed, cancelled) is posted up to here.
-- The post's status is read from the row being updated and nowhere else: when recovery changes it while we wait, a
-- second reading of the row, even in a join, would still be the old one, and the post `processing` without a holder.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(facts)s) AS g (attempt_id bigint, remote_id text, url text, answer jsonb,
                                                      complete boolean, look_in_seconds float8)
), fact AS (
    UPDATE socialcron.publish_attempts AS a
       SET phase = 'confirmed', remote_id = g.remote_id, url = g.url, answer = g.answer, http_status = NULL,
           provisional = g.look_in_seconds IS NOT NULL,
           error_class = NULL, error = NULL, retryable = NULL, ended_at = clock_timestamp()
      FROM given AS g
     WHERE a.id = g.attempt_id AND a.phase IN ('sending', 'unknown')
    RETURNING a.post_id, a.step, g.*
)
UPDATE socialcron.posts AS p
   SET remote_id = CASE WHEN f.step = 0 THEN f.remote_id ELSE p.remote_id END,
       url = CASE WHEN f.step = 0 THEN f.url ELSE p.url END,
       posted_at = coalesce(p.posted_at, clock_timestamp()),
       status = CASE WHEN f.complete THEN 'posted'
                     WHEN p.status = 'processing' THEN 'processing'
                     WHEN p.status IN ('unconfirmed', 'scheduled') THEN 'scheduled'
                     ELSE 'posted' END,
       attempt = CASE WHEN NOT f.complete AND p.status IN ('unconfirmed', 'scheduled') THEN greatest(p.attempt - 1, 0)
                      ELSE p.attempt END,
       retry_at = NULL, reconcile_at = clock_timestamp() + make_interval(secs => f.look_in_seconds),
       incomplete_at_step = CASE WHEN NOT f.complete AND p.status NOT IN ('processing', 'unconfirmed', 'scheduled')
                                 THEN f.step + 1 END,
       error_class = CASE WHEN NOT f.complete AND p.status NOT IN ('processing', 'unconfirmed', 'scheduled')
                          THEN p.error_class END,
       last_error = CASE WHEN NOT f.complete AND p.status NOT IN ('processing', 'unconfirmed', 'scheduled')
                         THEN p.last_error END,
       claim_token = CASE WHEN NOT f.complete AND p.status = 'processing' THEN p.claim_token END,
       lease_until = CASE WHEN NOT f.complete AND p.status = 'processing' THEN p.lease_until END
  FROM fact AS f
 WHERE p.id = f.post_id
RETURNING f.attempt_id, p.status
