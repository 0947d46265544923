SELECT address FROM socialcron.subscriptions WHERE id = %(subscription_id)s
