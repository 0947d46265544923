-- Keep what an invisible request gave us, so that a crash loses one upload at the most.
UPDATE socialcron.publish_attempts
   SET handles = %(handles)s, handles_at = coalesce(handles_at, clock_timestamp())
 WHERE id = %(attempt_id)s AND phase IN ('claimed', 'prepared')
