-- Let other runs work these accounts again. Locks in id order, as every update of several accounts does.
WITH mine AS MATERIALIZED (
    SELECT id FROM socialcron.accounts
     WHERE id = ANY(%(account_ids)s) AND busy_token = %(claim_token)s
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE socialcron.accounts SET busy_token = NULL, busy_until = NULL WHERE id = ANY(ARRAY(SELECT id FROM mine))
