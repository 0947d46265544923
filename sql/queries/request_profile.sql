-- Somebody wants a profile read now: it goes first. Its pending run shows in the log at once. No row: no such profile.
WITH profile AS (
    UPDATE socialcron.profiles SET requested_at = clock_timestamp() WHERE id = %(profile_id)s RETURNING id
), run AS (
    INSERT INTO socialcron.monitoring_runs (profile_id, status, manual)
    SELECT id, 'pending', true FROM profile
    ON CONFLICT (profile_id) WHERE status IN ('pending', 'running') DO NOTHING
)
SELECT id FROM profile
