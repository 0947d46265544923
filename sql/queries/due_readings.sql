-- Whether collect-metrics has anything to do. Uses metric_schedules_due_idx: one probe.
SELECT EXISTS (SELECT FROM socialcron.metric_schedules WHERE next_at <= now())
