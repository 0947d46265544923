INSERT INTO socialcron.subscriptions (name, channel, address, events, account_id, digest_seconds)
VALUES (%(name)s, %(channel)s, %(address)s, %(events)s::text[], %(account_id)s, %(digest_seconds)s)
RETURNING id
