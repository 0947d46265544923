-- Nobody writes to this profile from here to the end of the transaction, a run that watches it included.
SELECT id FROM socialcron.profiles WHERE id = %(profile_id)s FOR UPDATE
