-- Which commands have something to do, by the name that SOCIALCRON_PERIODS gives them; one probe each.
-- Uses metric_schedules_due_idx, profiles_due_idx, media_cache_due_idx.
SELECT EXISTS (SELECT FROM socialcron.metric_schedules WHERE next_at <= now()) AS "collect-metrics",
       EXISTS (SELECT FROM socialcron.profiles WHERE monitoring_enabled) AS "trigger-monitoring",
       EXISTS (SELECT FROM socialcron.media_cache WHERE status IN ('waiting', 'active') AND next_at <= now()) AS "cache-media",
       EXISTS (SELECT FROM socialcron.accounts
                WHERE status = 'active' AND credentials IS NOT NULL AND token_expires_at IS NOT NULL) AS "accounts-refresh"
