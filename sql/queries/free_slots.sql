-- The next free slots of an account, to look at: the first is the one that next_slot.sql would take.
SELECT free AS slot FROM socialcron.free_slots(%(account_id)s, now() + interval '1 minute', %(count)s) AS free
