-- What waits for it is due at once.
WITH resumed AS (
    UPDATE socialcron.deliveries SET next_at = now() WHERE subscription_id = %(subscription_id)s AND status = 'waiting'
)
UPDATE socialcron.subscriptions SET enabled = true, quiet_until = NULL WHERE id = %(subscription_id)s
