-- Let an account post again, whatever switched it off; one that needs new credentials stays as it is.
UPDATE socialcron.accounts
   SET status = CASE WHEN status = 'disabled' THEN 'active' ELSE status END, autopost_enabled = true
 WHERE id = %(account_id)s
RETURNING status
