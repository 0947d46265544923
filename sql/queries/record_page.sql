-- Last in the transaction of a page: the place to go on from. Uses the primary key.
UPDATE socialcron.monitoring_runs
   SET pages = pages + 1, posts = posts + %(new_posts)s, cursor = %(cursor)s, region = %(region)s
 WHERE id = %(run_id)s AND status = 'running'
