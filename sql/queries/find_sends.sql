-- Steps of these posts that are out or may be. Uses publish_attempts_one_open_send.
SELECT id, post_id, step, phase
  FROM socialcron.publish_attempts
 WHERE post_id = ANY(%(post_ids)s) AND phase IN ('sending', 'unknown', 'confirmed')
 ORDER BY post_id, step
