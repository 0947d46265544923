-- Open one try at one step, before the network is touched. Only while the run still holds the post.
-- Not flushed to disk by itself: the commit of `sending` that follows flushes all that came before it (one WAL), and
-- what a crash of the server loses before that is a step nobody sent.
INSERT INTO socialcron.publish_attempts
       (post_id, account_id, attempt, step, revision, idempotency_key, handles, handles_at)
SELECT p.id, p.account_id, p.attempt, %(step)s, %(revision)s, %(key)s, %(handles)s,
       clock_timestamp() - make_interval(secs => %(handles_age_seconds)s)
  FROM socialcron.posts AS p
 WHERE p.id = %(post_id)s AND p.claim_token = %(claim_token)s AND p.lease_until > clock_timestamp()
RETURNING id, set_config('synchronous_commit', 'off', true)
