-- What each run found of these profiles in [begin, end), in the order of time, the latest `most` runs of each at most.
-- Uses monitoring_runs_profile_idx.
SELECT r.profile_id AS id, r.finished_at AS read_at, r.total_views AS views, r.total_likes AS likes,
       r.total_comments AS comments, r.total_shares AS shares, r.total_saves AS saves
  FROM unnest(%(profile_ids)s::bigint[]) AS p (id)
 CROSS JOIN LATERAL (
       SELECT * FROM socialcron.monitoring_runs
        WHERE profile_id = p.id AND total_posts IS NOT NULL AND finished_at >= %(begin)s AND finished_at < %(end)s
        ORDER BY id DESC LIMIT %(most)s) AS r
 ORDER BY r.profile_id, r.id
