-- Stop an account. A send that has begun ends; nothing else goes out.
UPDATE socialcron.accounts SET status = 'disabled' WHERE id = %(account_id)s RETURNING status
