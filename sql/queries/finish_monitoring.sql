-- End a run, well or badly: sum the totals over the profile's posts, each once, and set the next run on the profile's own
-- grid, so that an hourly cron does not drift; a run that somebody asked for ahead of time starts a new grid.
-- Uses the primary keys and profile_posts_profile_id_remote_id_key. A request made after the run began stays.
WITH totals AS (
    SELECT count(*)::integer AS posts, sum(views)::bigint AS views, sum(likes)::bigint AS likes,
           sum(shares)::bigint AS shares, sum(comments)::bigint AS comments, sum(saves)::bigint AS saves
      FROM socialcron.profile_posts
     WHERE profile_id = %(profile_id)s
), profile AS (
    UPDATE socialcron.profiles AS p
       SET posts = t.posts, views = t.views, likes = t.likes, shares = t.shares, comments = t.comments, saves = t.saves,
           external_id = coalesce(%(external_id)s, p.external_id), last_run_at = now(),
           next_run_at = CASE WHEN p.next_run_at > now() THEN now() + p.interval
                              ELSE p.next_run_at + p.interval * (floor(extract(epoch FROM now() - p.next_run_at)
                                                                     / extract(epoch FROM p.interval)) + 1) END,
           requested_at = CASE WHEN p.requested_at > r.started_at THEN p.requested_at END,
           claim_token = NULL, lease_until = NULL, error_class = %(error_class)s, last_error = %(error)s
      FROM totals AS t, socialcron.monitoring_runs AS r
     WHERE p.id = %(profile_id)s AND p.claim_token = %(claim_token)s AND r.id = %(run_id)s
    RETURNING t.posts, t.views, t.likes, t.shares, t.comments, t.saves
)
UPDATE socialcron.monitoring_runs AS r
   SET status = %(status)s, finished_at = now(), error_class = %(error_class)s, error = %(error)s,
       total_posts = p.posts, total_views = p.views, total_likes = p.likes,
       total_shares = p.shares, total_comments = p.comments, total_saves = p.saves
  FROM profile AS p
 WHERE r.id = %(run_id)s
