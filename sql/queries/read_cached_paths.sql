-- The next files that there should be, after one of them. Uses media_cache_path_idx.
SELECT DISTINCT path FROM socialcron.media_cache
 WHERE path > %(after)s
 ORDER BY path
 LIMIT %(batch_size)s
