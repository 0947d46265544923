-- These files are not there (any more): fetch them again. Uses media_cache_path_idx.
UPDATE socialcron.media_cache
   SET path = NULL, sha256 = NULL, size_bytes = NULL, mime_type = NULL, cached_at = NULL,
       status = CASE status WHEN 'cached' THEN 'waiting' ELSE status END, tries = 0
 WHERE path = ANY(%(paths)s)
