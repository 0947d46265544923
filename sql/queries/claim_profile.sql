-- Claim one profile, requested ones first, and open its run: the one that a dead or interrupted run left, else a new one.
-- Uses profiles_requested_idx, profiles_due_idx, monitoring_runs_open_idx. One at a time, because a worker takes its next
-- profile when it has a hand free: a killed run holds no more than it was reading.
-- profile_id: only this one; null: any.
WITH requested AS MATERIALIZED (
    SELECT id FROM socialcron.profiles
     WHERE requested_at <= now()
       AND (lease_until IS NULL OR lease_until <= now())
       AND (%(platforms)s::text[] IS NULL OR platform = ANY(%(platforms)s))
       AND (%(profile_id)s::bigint IS NULL OR id = %(profile_id)s)
     ORDER BY requested_at, id
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED
), due AS MATERIALIZED (
    SELECT id FROM socialcron.profiles
     WHERE monitoring_enabled AND next_run_at <= now()
       AND (lease_until IS NULL OR lease_until <= now())
       AND (%(platforms)s::text[] IS NULL OR platform = ANY(%(platforms)s))
       AND %(profile_id)s::bigint IS NULL
       AND NOT EXISTS (SELECT FROM requested)
     ORDER BY next_run_at, id
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED
), mine AS (
    UPDATE socialcron.profiles AS p
       SET claim_token = %(claim_token)s, lease_until = now() + make_interval(secs => %(lease_seconds)s)
      FROM (SELECT id FROM requested UNION ALL SELECT id FROM due) AS found
     WHERE p.id = found.id
    RETURNING p.id, p.platform, p.handle, p.external_id, p.requested_at
), run AS (
    INSERT INTO socialcron.monitoring_runs AS r (profile_id, status, manual, started_at)
    SELECT id, 'running', requested_at IS NOT NULL, now() FROM mine
    ON CONFLICT (profile_id) WHERE status IN ('pending', 'running') DO UPDATE
       SET status = 'running', manual = r.manual OR excluded.manual, started_at = coalesce(r.started_at, now()),
           error_class = NULL, error = NULL
    RETURNING r.id, r.profile_id, r.started_at, r.pages, r.cursor, r.region
)
SELECT mine.id, mine.platform, mine.handle, mine.external_id,
       run.id AS run_id, run.started_at AS read_at, run.pages, run.cursor, run.region
  FROM mine JOIN run ON run.profile_id = mine.id
