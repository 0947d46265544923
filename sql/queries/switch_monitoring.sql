-- Monitoring of a profile on or off. Uses the primary key.
UPDATE socialcron.profiles SET monitoring_enabled = %(enabled)s WHERE id = %(profile_id)s
