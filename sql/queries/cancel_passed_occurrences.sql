-- Posts whose time came while their recurrence was paused; how many.
SELECT count(*) FILTER (WHERE socialcron.cancel_post(id) = 'done') FROM socialcron.posts
 WHERE id = ANY(%(post_ids)s) AND held_at = %(paused_at)s AND due_at <= now()
