-- Whether trigger-monitoring has anything to do. Uses profiles_requested_idx and profiles_due_idx: one probe each.
SELECT EXISTS (SELECT FROM socialcron.profiles WHERE requested_at <= now())
    OR EXISTS (SELECT FROM socialcron.profiles WHERE monitoring_enabled AND next_run_at <= now())
