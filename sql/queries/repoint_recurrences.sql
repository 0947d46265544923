-- The future posts of a recurrence say what its waiting ones were changed to. Uses recurrences_content_idx.
UPDATE socialcron.recurrences SET content_id = %(new_id)s WHERE content_id = %(old_id)s
