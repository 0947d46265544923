-- The newest events that a subscription was, or is to be, told of.
SELECT e.event_id, e.kind, e.data, e.created_at, d.status, d.tries, d.next_at, d.tried_at, d.http_status, d.last_error
  FROM socialcron.deliveries AS d
  JOIN socialcron.events AS e ON e.event_id = d.event_id
 WHERE d.subscription_id = %(subscription_id)s
 ORDER BY e.created_at DESC, e.event_id
 LIMIT %(batch_size)s
