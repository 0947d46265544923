-- A repeat by key whose run died: its lease is over, so its deadline is too, and the step is unknown again.
-- Uses publish_attempts_one_open_send. Runs after claim_unconfirmed_posts in the same transaction.
UPDATE socialcron.publish_attempts
   SET phase = 'unknown', error_class = 'unknown_outcome', error = 'the run died while it repeated the request'
 WHERE post_id = ANY(%(post_ids)s) AND phase = 'sending'
