-- Another post of the account that says the same and is open too: then a match could be either's.
-- Uses publish_attempts_payload_idx.
SELECT post_id
  FROM socialcron.publish_attempts
 WHERE account_id = %(account_id)s AND payload_hash = %(payload_hash)s AND step = 0
   AND phase IN ('sending', 'unknown') AND post_id <> %(post_id)s
 LIMIT 1
