-- They did not get through. waits: seconds after the first try, the second, ...; after the last one there is no further
-- try. retry_after: what the receiver asked for, in seconds. How many wait on, and how many are dead now.
WITH failed AS (
    UPDATE socialcron.deliveries
       SET status = CASE WHEN tries > cardinality(%(waits)s::float8[]) THEN 'dead' ELSE 'waiting' END,
           next_at = now() + make_interval(secs => CASE WHEN tries <= cardinality(%(waits)s::float8[])
                                                        THEN greatest((%(waits)s::float8[])[tries], %(retry_after)s::float8) END),
           claim_token = NULL, lease_until = NULL, tried_at = now(), http_status = %(http_status)s, last_error = %(error)s::text
     WHERE subscription_id = %(subscription_id)s AND next_at IS NOT NULL AND claim_token = %(claim_token)s
    RETURNING status
), subscription AS (
    UPDATE socialcron.subscriptions SET last_error = %(error)s::text, quiet_until = NULL
     WHERE id = %(subscription_id)s AND EXISTS (SELECT FROM failed)
)
SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting, count(*) FILTER (WHERE status = 'dead') AS dead FROM failed
