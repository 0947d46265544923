-- What waits for it is due at once. Deliveries are locked before their subscription, as by a run that records a try.
WITH subscription AS (
    UPDATE socialcron.subscriptions SET enabled = true, quiet_until = NULL WHERE id = %(subscription_id)s
)
UPDATE socialcron.deliveries SET next_at = now() WHERE subscription_id = %(subscription_id)s AND status = 'waiting'
