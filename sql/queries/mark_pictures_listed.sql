UPDATE socialcron.profiles SET pictures_listed_at = %(last_run_at)s WHERE id = %(profile_id)s
