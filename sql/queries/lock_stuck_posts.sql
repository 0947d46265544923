-- First half of recovery: posts whose lease is over and that gave no sign of life for the threshold.
-- Uses posts_claimed_idx. Reads no phase: in one statement with the lock it could see one from before the wait.
SELECT id
  FROM socialcron.posts
 WHERE claim_token IS NOT NULL AND lease_until < now() AND status = 'processing'
   AND heartbeat_at < now() - make_interval(secs => %(threshold_seconds)s)
 ORDER BY lease_until, id
 LIMIT %(batch_size)s
   FOR NO KEY UPDATE SKIP LOCKED
