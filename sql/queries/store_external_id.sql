-- What the platform calls the account, learned from its own answer.
UPDATE socialcron.accounts SET external_id = %(external_id)s WHERE id = %(account_id)s AND external_id IS NULL
