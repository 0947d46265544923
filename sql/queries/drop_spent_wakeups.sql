-- Hints that say nothing new: their account is looked at no later anyway, and that claim finds the next time by itself.
-- Only of the accounts just locked, so that no claim computes that time meanwhile.
DELETE FROM socialcron.account_wakeups AS w
 USING socialcron.accounts AS a
 WHERE a.id = w.account_id AND a.id = ANY(%(account_ids)s) AND w.ready_at >= a.next_due_at
