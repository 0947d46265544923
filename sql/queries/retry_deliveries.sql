-- Dead ones wait again with all their tries, and whatever waits is due at once. Uses deliveries_open_idx.
WITH again AS (
    UPDATE socialcron.deliveries
       SET status = 'waiting', tries = CASE WHEN status = 'dead' THEN 0 ELSE tries END, next_at = now()
     WHERE subscription_id = %(subscription_id)s AND status IN ('waiting', 'dead')
       AND (lease_until IS NULL OR lease_until <= now())
    RETURNING event_id
), subscription AS (
    UPDATE socialcron.subscriptions SET quiet_until = NULL WHERE id = %(subscription_id)s
)
SELECT count(*) FROM again
