-- Give a profile back in the middle of its run, which waits at its cursor for whoever comes next. Uses the primary keys.
WITH profile AS (
    UPDATE socialcron.profiles SET claim_token = NULL, lease_until = NULL
     WHERE id = %(profile_id)s AND claim_token = %(claim_token)s
    RETURNING id
)
UPDATE socialcron.monitoring_runs AS r
   SET status = 'pending'
  FROM profile
 WHERE r.id = %(run_id)s AND r.profile_id = profile.id AND r.status = 'running'
