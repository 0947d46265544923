-- A run that has prepared it finds another revision, and does not send.
UPDATE socialcron.posts SET held_at = now(), revision = revision + 1 WHERE id = %(post_id)s AND held_at IS NULL
