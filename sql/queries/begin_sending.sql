-- Second half of the `sending` transaction: the guards no bug can pass, then the phase. Returns one verdict a row.
-- Guards look at step 0 only (a begun thread always finishes) and at intended times, so that daily reposts caught up
-- after an outage pass. Uses publish_attempts_payload_idx and publish_attempts_sent_idx.
WITH wanted AS MATERIALIZED (
    SELECT a.id, a.post_id, a.account_id, a.step, a.payload_hash, a.phase, p.due_at, p.allow_duplicate
      FROM socialcron.publish_attempts AS a
      JOIN socialcron.posts AS p ON p.id = a.post_id
     WHERE a.id = ANY(%(attempt_ids)s) AND a.phase IN ('prepared', 'unknown')
       AND a.request IS NOT NULL
), judged AS MATERIALIZED (
    SELECT w.*,
           CASE WHEN w.step = 0 AND w.phase = 'prepared' AND NOT w.allow_duplicate THEN (
               SELECT other.post_id
                 FROM socialcron.publish_attempts AS other
                 JOIN socialcron.posts AS op ON op.id = other.post_id
                WHERE other.account_id = w.account_id AND other.payload_hash = w.payload_hash
                  AND other.step = 0 AND other.phase IN ('sending', 'unknown', 'confirmed')
                  AND other.post_id <> w.post_id
                  AND op.due_at > w.due_at - make_interval(secs => %(duplicate_window_seconds)s)
                  AND op.due_at < w.due_at + make_interval(secs => %(duplicate_window_seconds)s)
                LIMIT 1) END AS duplicate_of,
           CASE WHEN w.step = 0 THEN (
               -- When the oldest of the last `breaker_per_hour` sends leaves the window; null while below the limit.
               SELECT max(reopens_at) FROM (
                   SELECT s.sending_at + interval '1 hour' AS reopens_at,
                          sum(s.sends) OVER (ORDER BY s.sending_at DESC, s.id) AS newer
                     FROM socialcron.publish_attempts AS s
                    WHERE s.account_id = w.account_id AND s.step = 0
                      AND s.sending_at > now() - interval '1 hour') AS recent  -- a volatile clock uses no index
                WHERE recent.newer >= %(breaker_per_hour)s) END AS reopens_at
      FROM wanted AS w
), begun AS (
    UPDATE socialcron.publish_attempts AS a
       SET phase = 'sending', sends = a.sends + 1, sending_at = clock_timestamp(),
           first_sending_at = coalesce(a.first_sending_at, clock_timestamp())
      FROM judged AS j
     WHERE a.id = j.id AND j.duplicate_of IS NULL AND j.reopens_at IS NULL
    RETURNING a.id, a.first_sending_at, a.sends
)
SELECT j.id AS attempt_id, b.id IS NOT NULL AS may_send, b.first_sending_at, b.sends, j.duplicate_of,
       extract(epoch FROM j.reopens_at - clock_timestamp())::float8 AS reopens_in_seconds
  FROM judged AS j LEFT JOIN begun AS b ON b.id = j.id
