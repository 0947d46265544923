-- Whether cache-media has anything to list or to fetch, and which database this is. Uses media_cache_due_idx: one probe,
-- for which the ORDER BY is. Profiles are few; the planner may read all of them rather than profiles_unlisted_idx.
SELECT EXISTS (SELECT FROM socialcron.profiles WHERE last_run_at IS DISTINCT FROM pictures_listed_at) AS unlisted,
       (SELECT true FROM socialcron.media_cache
         WHERE status IN ('waiting', 'active') AND next_at <= now() AND (lease_until IS NULL OR lease_until <= now())
         ORDER BY next_at LIMIT 1) IS NOT NULL AS due,
       (SELECT database_id FROM socialcron.schema_meta) AS database_id
