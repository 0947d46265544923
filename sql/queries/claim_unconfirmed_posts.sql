-- Claim posts the platform is to be asked about: is it out (unconfirmed), what is it called (posted, with a provisional
-- id). Own token and lease, the status stays.
-- Uses posts_reconcile_idx. Accounts without usable credentials cannot be asked; they wait for a reconnect.
WITH due AS MATERIALIZED (
    SELECT p.id
      FROM socialcron.posts AS p
      JOIN socialcron.accounts AS a ON a.id = p.account_id
     WHERE p.reconcile_at <= now()
       AND p.status IN ('unconfirmed', 'posted')
       AND (p.lease_until IS NULL OR p.lease_until <= now())
       AND a.status = 'active'
       AND (a.blocked_until IS NULL OR a.blocked_until <= now())
       AND (%(platforms)s::text[] IS NULL OR a.platform = ANY(%(platforms)s))
     ORDER BY p.reconcile_at, p.id
     LIMIT %(batch_size)s
       FOR NO KEY UPDATE OF p SKIP LOCKED
)
UPDATE socialcron.posts AS p
   SET claim_token = %(claim_token)s, lease_until = now() + make_interval(secs => %(lease_seconds)s), heartbeat_at = now()
  FROM due
 WHERE p.id = due.id
RETURNING p.id
