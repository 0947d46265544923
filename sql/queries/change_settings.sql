-- Settings of an account as a person wants them: `given` ones are added or replaced, `removed` ones go. By primary key.
-- The caller holds the account's lock (lock_account.sql), so no run begins with the old ones meanwhile.
UPDATE socialcron.accounts SET settings = settings - %(removed)s::text[] || %(given)s::jsonb
 WHERE id = %(account_id)s
RETURNING settings
