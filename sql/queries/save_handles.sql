-- Keep what an invisible request gave us, so that a crash loses one upload at the most.
-- Not flushed to disk by itself, for the reason given in open_attempts.sql.
UPDATE socialcron.publish_attempts
   SET handles = %(handles)s, handles_at = coalesce(handles_at, clock_timestamp())
 WHERE id = %(attempt_id)s AND phase IN ('claimed', 'prepared')
RETURNING set_config('synchronous_commit', 'off', true)
