-- A picture that did not come: waiting (again in `retry_in_seconds`), failed or gone. Uses the primary key. An earlier picture
-- of the same post stays. give_back: this try did not count.
UPDATE socialcron.media_cache
   SET status = %(status)s, tries = tries - %(give_back)s::integer, claim_token = NULL, lease_until = NULL,
       next_at = CASE WHEN %(status)s = 'waiting' THEN clock_timestamp() + make_interval(secs => %(retry_in_seconds)s)
                      ELSE next_at END,
       error_class = %(error_class)s, error = %(error)s
 WHERE id = %(picture_id)s AND claim_token = %(claim_token)s
