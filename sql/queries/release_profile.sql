-- Give a profile back in the middle of its run, which waits at its cursor for whoever comes next. Uses the primary keys.
-- error: why, where it was more than the end of a run; null leaves what the profile's last run said.
WITH profile AS (
    UPDATE socialcron.profiles
       SET claim_token = NULL, lease_until = NULL,
           error_class = coalesce(%(error_class)s, error_class), last_error = coalesce(%(error)s, last_error)
     WHERE id = %(profile_id)s AND claim_token = %(claim_token)s
    RETURNING id
)
UPDATE socialcron.monitoring_runs AS r
   SET status = 'pending', error_class = %(error_class)s, error = %(error)s
  FROM profile
 WHERE r.id = %(run_id)s AND r.profile_id = profile.id AND r.status = 'running'
