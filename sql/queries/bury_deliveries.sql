-- Every run that tried them has died, and there is no try left. Uses deliveries_due_idx.
UPDATE socialcron.deliveries
   SET status = 'dead', next_at = NULL, claim_token = NULL, lease_until = NULL,
       last_error = coalesce(last_error, 'every run that tried it died')
 WHERE subscription_id = ANY(%(subscription_ids)s::bigint[]) AND next_at <= now()
   AND (lease_until IS NULL OR lease_until <= now()) AND tries >= %(most_tries)s
