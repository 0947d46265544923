-- A rate limit says: nothing more from this account before then. The claim's index is moved by the trigger.
UPDATE socialcron.accounts
   SET blocked_until = greatest(blocked_until, clock_timestamp() + make_interval(secs => %(seconds)s))
 WHERE id = %(account_id)s
