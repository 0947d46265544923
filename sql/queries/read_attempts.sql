-- All attempts of some posts, oldest first. Uses publish_attempts_post_idx.
SELECT id, post_id, account_id, attempt, step, revision, phase, idempotency_key, handles, request, payload_hash, sends,
       first_sending_at, remote_id, url, answer, provisional, error_class,
       extract(epoch FROM clock_timestamp() - handles_at)::float8 AS handles_age_seconds,
       extract(epoch FROM clock_timestamp() - first_sending_at)::float8 AS first_sent_seconds_ago,
       extract(epoch FROM clock_timestamp() - sending_at)::float8 AS sent_seconds_ago,
       ARRAY(SELECT extract(epoch FROM clock_timestamp() - look)::float8 FROM unnest(looks) AS look) AS looked_seconds_ago
  FROM socialcron.publish_attempts
 WHERE post_id = ANY(%(post_ids)s)
 ORDER BY post_id, step, id
