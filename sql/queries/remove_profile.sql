-- With its posts and runs, by their foreign keys.
DELETE FROM socialcron.profiles WHERE id = %(profile_id)s
