UPDATE socialcron.posts SET held_at = NULL WHERE id = %(post_id)s AND held_at IS NOT NULL
