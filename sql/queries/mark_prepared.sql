-- Store the complete rendered request: from the first send on, every send of this step uses exactly these bytes.
-- Not flushed to disk by itself, for the reason given in open_attempts.sql.
UPDATE socialcron.publish_attempts
   SET phase = 'prepared', request = %(request)s, payload_hash = %(payload_hash)s,
       handles = coalesce(%(handles)s, handles), handles_at = coalesce(handles_at, clock_timestamp())
 WHERE id = %(attempt_id)s AND phase IN ('claimed', 'prepared')
RETURNING set_config('synchronous_commit', 'off', true)
