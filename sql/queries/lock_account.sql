-- FOR UPDATE, so that no application can add a post for it while it is being removed. A claim skips it meanwhile.
SELECT id FROM socialcron.accounts WHERE id = %(account_id)s FOR UPDATE
