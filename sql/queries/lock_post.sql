-- The row of one post, ours until the transaction ends. What its attempts say is read by the next statement: this one's
-- snapshot may be from before the wait for a sender.
SELECT p.id, p.status, p.content_id, p.account_id, a.platform, p.url, p.held_at IS NOT NULL AS held,
       p.retry_at IS NOT NULL AND p.retry_at > now() AS put_off, p.incomplete_at_step,
       p.cancel_requested_at IS NOT NULL AS cancel_requested,
       coalesce(p.lease_until > clock_timestamp(), false) AND p.claim_token IS NOT NULL AS in_work
  FROM socialcron.posts AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE p.id = %(post_id)s
   FOR NO KEY UPDATE OF p
