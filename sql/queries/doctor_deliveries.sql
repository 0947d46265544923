-- Subscriptions with events of the last 7 days that were given up. Uses deliveries_open_idx.
SELECT s.name, d.events, s.last_error
  FROM socialcron.subscriptions AS s
 CROSS JOIN LATERAL (
       SELECT count(*)::integer AS events
         FROM (SELECT FROM socialcron.deliveries
                WHERE subscription_id = s.id AND status = 'dead' AND tried_at > now() - interval '7 days'
                LIMIT 1001) AS few) AS d
 WHERE s.enabled AND d.events > 0
 ORDER BY s.name
