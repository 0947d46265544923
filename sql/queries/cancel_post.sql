SELECT socialcron.cancel_post(%(post_id)s)
