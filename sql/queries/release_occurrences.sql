-- What was held because of the pause, and not by a person before or since.
UPDATE socialcron.posts SET held_at = NULL
 WHERE id = ANY(%(post_ids)s) AND held_at = %(paused_at)s AND due_at > now()
