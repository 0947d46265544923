-- Nothing new is written for it, and what waits goes on waiting, out of the index that runs look into. Deliveries are
-- locked before their subscription, as by a run that records a try. error: what its receiver said; null: a person
-- switched it off.
WITH subscription AS (
    UPDATE socialcron.subscriptions
       SET enabled = false, quiet_until = NULL, last_error = coalesce(%(error)s::text, last_error)
     WHERE id = %(subscription_id)s
)
UPDATE socialcron.deliveries SET next_at = NULL, claim_token = NULL, lease_until = NULL
 WHERE subscription_id = %(subscription_id)s AND next_at IS NOT NULL
