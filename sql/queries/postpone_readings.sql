-- Posts that got no answer: again in `retry_in_seconds`; null: at their next slot, this one is lost.
-- stops: its platform has no readings, or shows this one to nobody. give_back: this try did not count (a rate limit, the run's end).
-- gone: the platform says there is no such post.
UPDATE socialcron.metric_schedules
   SET next_at = CASE WHEN %(gone)s OR %(stops)s THEN NULL
                      WHEN %(retry_in_seconds)s::float8 IS NOT NULL
                      THEN clock_timestamp() + make_interval(secs => %(retry_in_seconds)s)
                      ELSE posted_at + make_interval(secs => (%(slots)s::float8[])[
                          width_bucket(extract(epoch FROM slot_at - posted_at)::float8, %(slots)s::float8[]) + 1]) END,
       gone_at = CASE WHEN %(gone)s THEN clock_timestamp() END,
       tries = CASE WHEN %(give_back)s THEN greatest(tries - 1, 0) WHEN %(retry_in_seconds)s::float8 IS NULL THEN 0 ELSE tries END,
       slot_at = NULL, claim_token = NULL, lease_until = NULL,
       error_class = %(error_class)s, last_error = %(error)s
 WHERE post_id = ANY(%(post_ids)s) AND claim_token = %(claim_token)s
RETURNING post_id
