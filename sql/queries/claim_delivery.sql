-- Claim the delivery of one event to a webhook. Uses deliveries_due_idx. The try is counted here, so that an event which
-- kills whoever delivers it ends, too.
WITH due AS MATERIALIZED (
    SELECT d.event_id, d.subscription_id
      FROM socialcron.deliveries AS d
     WHERE d.subscription_id = %(subscription_id)s AND d.next_at <= now() AND (d.lease_until IS NULL OR d.lease_until <= now())
       AND d.tries < %(most_tries)s
     ORDER BY d.next_at
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE socialcron.deliveries AS d
   SET claim_token = %(claim_token)s, lease_until = now() + make_interval(secs => %(lease_seconds)s), tries = d.tries + 1
  FROM due, socialcron.events AS e
 WHERE d.event_id = due.event_id AND d.subscription_id = due.subscription_id AND e.event_id = due.event_id
RETURNING e.event_id, e.kind, e.data, e.created_at, now() AS claimed_at
