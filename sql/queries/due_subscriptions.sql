-- Who is to be told something now. One probe of deliveries_due_idx for each subscription, and those are few: most often
-- there is none, and this is all that a run does about them.
SELECT s.id, s.name, s.channel, s.address
  FROM socialcron.subscriptions AS s
 WHERE s.enabled
   AND (s.quiet_until IS NULL OR s.quiet_until <= now())
   AND EXISTS (SELECT FROM socialcron.deliveries AS d
                WHERE d.subscription_id = s.id AND d.next_at <= now() AND (d.lease_until IS NULL OR d.lease_until <= now()))
 ORDER BY s.id
