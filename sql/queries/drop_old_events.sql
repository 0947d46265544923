-- Forget up to `most` events that nobody looks at any more, and with them their deliveries; those that are still tried
-- stay. Uses events_created_idx and, by the array, the primary key. How many events.
DELETE FROM socialcron.events
 WHERE event_id = ANY (ARRAY(
    SELECT e.event_id FROM socialcron.events AS e
     WHERE e.created_at < now() - make_interval(days => %(keep_days)s)
       AND NOT EXISTS (SELECT FROM socialcron.deliveries AS d
                         JOIN socialcron.subscriptions AS s ON s.id = d.subscription_id
                        WHERE d.event_id = e.event_id AND d.next_at IS NOT NULL)
     ORDER BY e.created_at
     LIMIT %(most)s))
