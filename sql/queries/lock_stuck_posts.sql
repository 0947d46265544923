-- First half of recovery: posts whose lease is over and that gave no sign of life for the threshold.
-- Uses posts_claimed_idx. Reads no phase: in one statement with the lock it could see one from before the wait.
-- platforms: those this host knows; what became of a send on another one, a host that knows it must find out.
SELECT p.id
  FROM socialcron.posts AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE p.claim_token IS NOT NULL AND p.lease_until < now() AND p.status = 'processing'
   AND p.heartbeat_at < now() - make_interval(secs => %(threshold_seconds)s)
   AND a.platform = ANY(%(platforms)s)
 ORDER BY p.lease_until, p.id
 LIMIT %(batch_size)s
   FOR NO KEY UPDATE OF p SKIP LOCKED
