-- A recurrence, ours until the transaction ends: nobody makes posts of it meanwhile.
SELECT id, paused_at, ended_at FROM socialcron.recurrences WHERE id = %(recurrence_id)s FOR UPDATE
