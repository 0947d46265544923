-- Subscriptions with events that nobody delivers, due for an hour, or that were given up in the last 7 days.
-- Uses deliveries_due_idx and deliveries_open_idx.
SELECT s.name, l.late, d.dead, s.last_error
  FROM socialcron.subscriptions AS s
 CROSS JOIN LATERAL (
       SELECT count(*)::integer AS late
         FROM (SELECT FROM socialcron.deliveries
                WHERE subscription_id = s.id AND next_at < now() - interval '1 hour'
                  AND (s.quiet_until IS NULL OR s.quiet_until < now() - interval '1 hour')
                LIMIT 1001) AS few) AS l
 CROSS JOIN LATERAL (
       SELECT count(*)::integer AS dead
         FROM (SELECT FROM socialcron.deliveries
                WHERE subscription_id = s.id AND status = 'dead' AND tried_at > now() - interval '7 days'
                LIMIT 1001) AS few) AS d
 WHERE s.enabled AND (l.late > 0 OR d.dead > 0)
 ORDER BY s.name
