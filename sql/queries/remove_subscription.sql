-- Deliveries that a transaction writes just now stay behind; nobody claims them, and `maintain` drops them.
WITH subscription AS (
    DELETE FROM socialcron.subscriptions WHERE id = %(subscription_id)s
)
DELETE FROM socialcron.deliveries WHERE subscription_id = %(subscription_id)s
