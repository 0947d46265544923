-- A decision on a post that is being asked about: look again in `look_in_seconds` (null: a person's turn), give the claim back.
-- looked: a complete look just showed nothing; kept on the attempt, for absence takes two of them.
WITH attempt AS (
    UPDATE socialcron.publish_attempts
       SET looks = CASE WHEN %(looked)s THEN looks || clock_timestamp() ELSE looks END
     WHERE id = %(attempt_id)s AND phase = 'unknown'
)
UPDATE socialcron.posts
   SET reconcile_at = clock_timestamp() + make_interval(secs => %(look_in_seconds)s),
       last_error = coalesce(%(error)s, last_error), claim_token = NULL, lease_until = NULL
 WHERE id = %(post_id)s AND claim_token = %(claim_token)s AND status IN ('unconfirmed', 'posted')
RETURNING id
