-- Which of these things on the platform already belong to a step of one of our posts. Uses publish_attempts_one_owner.
SELECT remote_id FROM socialcron.publish_attempts WHERE account_id = %(account_id)s AND remote_id = ANY(%(remote_ids)s)
