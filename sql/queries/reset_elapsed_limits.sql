-- reset-ratelimits: forget windows that are over; with everything, all of them (the operator's daily wipe).
-- Our own pace (tat) is left alone: it is a promise, not a reading. Accounts blocked by what went are free again;
-- that they were blocked stays known, for posts that waited because of it are not missed.
WITH gone AS (
    UPDATE socialcron.rate_limits
       SET remaining = NULL, reset_at = NULL, blocked_until = NULL
     WHERE (reset_at IS NOT NULL OR blocked_until IS NOT NULL)
       AND (%(everything)s OR coalesce(greatest(reset_at, blocked_until) <= now(), true))
    RETURNING key
), blocked AS MATERIALIZED (
    SELECT id FROM socialcron.accounts
     WHERE blocked_until > now() AND %(everything)s
     ORDER BY id
       FOR NO KEY UPDATE
), freed AS (
    UPDATE socialcron.accounts SET blocked_until = now() WHERE id = ANY(ARRAY(SELECT id FROM blocked))
)
SELECT count(*) FROM gone
