-- Sign of life of a run that watches these profiles. Uses the primary key.
UPDATE socialcron.profiles
   SET lease_until = now() + make_interval(secs => %(lease_seconds)s)
 WHERE id = ANY(%(profile_ids)s) AND claim_token = %(claim_token)s
