-- Let other runs work these accounts again. Locks in id order, as every update of several accounts does.
-- Not flushed to disk: a crash of the server would leave them busy until the lease is over, and no longer.
WITH mine AS MATERIALIZED (
    SELECT id FROM socialcron.accounts
     WHERE id = ANY(%(account_ids)s) AND busy_token = %(claim_token)s
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE socialcron.accounts SET busy_token = NULL, busy_until = NULL WHERE id = ANY(ARRAY(SELECT id FROM mine))
RETURNING set_config('synchronous_commit', 'off', true)
