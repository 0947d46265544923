-- What the files take, each once. Uses media_cache_path_idx alone.
SELECT coalesce(sum(size_bytes), 0)::bigint
  FROM (SELECT max(size_bytes) AS size_bytes FROM socialcron.media_cache WHERE path IS NOT NULL GROUP BY path) AS files
