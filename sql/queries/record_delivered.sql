-- They are told. The next message of the subscription is collected for until its digest is over.
WITH delivered AS (
    UPDATE socialcron.deliveries
       SET status = 'delivered', next_at = NULL, claim_token = NULL, lease_until = NULL, tried_at = now(),
           http_status = %(http_status)s, last_error = NULL
     WHERE subscription_id = %(subscription_id)s AND next_at IS NOT NULL AND claim_token = %(claim_token)s
    RETURNING event_id
), subscription AS (
    UPDATE socialcron.subscriptions
       SET last_delivered_at = now(), last_error = NULL, quiet_until = now() + make_interval(secs => digest_seconds)
     WHERE id = %(subscription_id)s AND EXISTS (SELECT FROM delivered)
)
SELECT count(*) FROM delivered
