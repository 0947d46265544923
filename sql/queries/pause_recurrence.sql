UPDATE socialcron.recurrences SET paused_at = now(), fill_at = NULL WHERE id = %(recurrence_id)s
