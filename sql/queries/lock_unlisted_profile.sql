-- A profile that was read since its pictures were listed last. last_run_at: what to note as listed.
SELECT id AS profile_id, last_run_at FROM socialcron.profiles
 WHERE last_run_at IS DISTINCT FROM pictures_listed_at
 ORDER BY id
 LIMIT 1
   FOR NO KEY UPDATE SKIP LOCKED
