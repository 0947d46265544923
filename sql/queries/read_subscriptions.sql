-- Without their addresses, so that a reporter may, too. waiting and dead: deliveries. Uses deliveries_open_idx.
SELECT s.id, s.name, s.channel, s.events, s.account_id, s.digest_seconds, s.enabled, s.quiet_until, s.last_delivered_at,
       s.last_error, s.created_at, coalesce(d.waiting, 0) AS waiting, coalesce(d.dead, 0) AS dead
  FROM socialcron.subscriptions AS s
  LEFT JOIN (SELECT subscription_id, count(*) FILTER (WHERE status = 'waiting') AS waiting,
                    count(*) FILTER (WHERE status = 'dead') AS dead
               FROM socialcron.deliveries WHERE status <> 'delivered' GROUP BY 1) AS d ON d.subscription_id = s.id
 WHERE %(name)s::text IS NULL OR s.name = %(name)s
 ORDER BY s.name
