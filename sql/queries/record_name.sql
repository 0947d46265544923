-- A fact, recorded by attempt id: what the platform calls a post that had a provisional name. Idempotent.
WITH fact AS (
    UPDATE socialcron.publish_attempts
       SET remote_id = %(remote_id)s, url = %(url)s, answer = %(answer)s, provisional = false
     WHERE id = %(attempt_id)s AND phase = 'confirmed' AND provisional
    RETURNING post_id, step
)
UPDATE socialcron.posts AS p
   SET remote_id = CASE WHEN f.step = 0 THEN %(remote_id)s ELSE p.remote_id END,
       url = CASE WHEN f.step = 0 THEN %(url)s ELSE p.url END,
       reconcile_at = NULL, claim_token = NULL, lease_until = NULL
  FROM fact AS f
 WHERE p.id = f.post_id
RETURNING p.id
