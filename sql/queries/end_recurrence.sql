UPDATE socialcron.recurrences SET ended_at = now(), fill_at = NULL WHERE id = %(recurrence_id)s
