-- Part of the `sending` transaction: one sender per account at a time, so that the guards that follow see all others.
SELECT id
  FROM socialcron.accounts
 WHERE id = ANY(%(account_ids)s)
   AND busy_token = %(claim_token)s AND busy_until > clock_timestamp()
   AND status = 'active' AND autopost_enabled
 ORDER BY id
   FOR NO KEY UPDATE
