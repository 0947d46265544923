-- The oldest of the events that a message is about. Uses deliveries_due_idx and the primary key of events.
SELECT e.event_id, e.kind, e.data, e.created_at
  FROM socialcron.deliveries AS d
  JOIN socialcron.events AS e ON e.event_id = d.event_id
 WHERE d.subscription_id = %(subscription_id)s AND d.next_at IS NOT NULL AND d.claim_token = %(claim_token)s
 ORDER BY e.created_at, e.event_id
 LIMIT %(batch_size)s
