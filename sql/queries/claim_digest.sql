-- Claim all that waits for one message; how many of each kind. Uses deliveries_due_idx. The row of the subscription is
-- what two runs at once are kept apart by: with it they would each send a message within the same digest.
-- Nothing is due while `quiet_until` lasts; here it is set like a lease, and anew when the message is out.
WITH subscription AS MATERIALIZED (
    SELECT id FROM socialcron.subscriptions
     WHERE id = %(subscription_id)s AND enabled AND (quiet_until IS NULL OR quiet_until <= now())
       FOR NO KEY UPDATE SKIP LOCKED
), due AS MATERIALIZED (
    SELECT d.event_id, d.subscription_id
      FROM socialcron.deliveries AS d
     WHERE d.subscription_id = (SELECT id FROM subscription)
       AND d.next_at <= now() AND (d.lease_until IS NULL OR d.lease_until <= now()) AND d.tries < %(most_tries)s
     ORDER BY d.next_at
     LIMIT %(batch_size)s
       FOR NO KEY UPDATE SKIP LOCKED
), quiet AS (
    UPDATE socialcron.subscriptions SET quiet_until = now() + make_interval(secs => %(lease_seconds)s)
     WHERE id IN (SELECT subscription_id FROM due)
), claimed AS (
    UPDATE socialcron.deliveries AS d
       SET claim_token = %(claim_token)s, lease_until = now() + make_interval(secs => %(lease_seconds)s), tries = d.tries + 1
      FROM due
     WHERE d.event_id = due.event_id AND d.subscription_id = due.subscription_id
    RETURNING d.event_id
)
SELECT e.kind, count(*) AS count FROM claimed JOIN socialcron.events AS e ON e.event_id = claimed.event_id GROUP BY e.kind
