DELETE FROM socialcron.queue_slots WHERE account_id = %(account_id)s
