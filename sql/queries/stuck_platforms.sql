-- The platforms of stuck posts, so that recovery asks only their adapters how long to wait. Uses posts_claimed_idx.
SELECT DISTINCT a.platform
  FROM socialcron.posts AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE p.claim_token IS NOT NULL AND p.lease_until < now() AND p.status = 'processing'
   AND p.heartbeat_at < now() - make_interval(secs => %(threshold_seconds)s)
