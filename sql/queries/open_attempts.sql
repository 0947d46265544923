-- Open one try at one step of some posts, as soon as there is something to keep: a handle, an error, or the complete
-- rendered request, which every send of the step will use to the byte. Only while the run still holds the posts.
-- Not flushed to disk by itself: the commit of `sending` that follows flushes all that came before it (one WAL), and
-- what a crash of the server loses before that is a step nobody sent. Uses the primary key of posts.
INSERT INTO socialcron.publish_attempts
       (post_id, account_id, attempt, step, revision, phase, idempotency_key, handles, handles_at, request, payload_hash)
SELECT p.id, p.account_id, p.attempt, d.step, d.revision, CASE WHEN d.request IS NULL THEN 'claimed' ELSE 'prepared' END,
       d.key, d.handles, clock_timestamp() - make_interval(secs => d.handles_age_seconds), d.request, d.payload_hash
  FROM jsonb_to_recordset(%(drafts)s) AS d (post_id bigint, step smallint, revision integer, key text, handles jsonb,
                                            handles_age_seconds float8, request jsonb, payload_hash text)
  JOIN socialcron.posts AS p ON p.id = d.post_id
 WHERE p.claim_token = %(claim_token)s AND p.lease_until > clock_timestamp()
RETURNING id, post_id, set_config('synchronous_commit', 'off', true)
