-- Readings that came, each under the slot it was claimed for, and when each post is read next (null after the last slot).
-- Only for posts that are still ours; a slot that has a reading keeps it. Uses the primary keys.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(readings)s) AS g (post_id bigint, views bigint, likes bigint, comments bigint,
                                                         shares bigint, saves bigint, raw jsonb)
), held AS MATERIALIZED (
    SELECT s.post_id, s.account_id, s.slot_at
      FROM socialcron.metric_schedules AS s
     WHERE s.post_id = ANY(%(post_ids)s) AND s.claim_token = %(claim_token)s
       FOR NO KEY UPDATE
), stored AS (
    INSERT INTO socialcron.post_metrics
           (post_id, account_id, slot_at, read_at, views, likes, comments, shares, saves, raw)
    SELECT h.post_id, h.account_id, h.slot_at, clock_timestamp(), g.views, g.likes, g.comments, g.shares, g.saves, g.raw
      FROM held AS h JOIN given AS g USING (post_id)
    ON CONFLICT (post_id, slot_at) DO NOTHING
)
UPDATE socialcron.metric_schedules AS s
   SET next_at = s.posted_at + make_interval(secs => (%(slots)s::float8[])[
           width_bucket(extract(epoch FROM s.slot_at - s.posted_at)::float8, %(slots)s::float8[]) + 1]),
       slot_at = NULL, claim_token = NULL, lease_until = NULL, tries = 0, error_class = NULL, last_error = NULL
  FROM held
 WHERE s.post_id = held.post_id
RETURNING s.post_id
