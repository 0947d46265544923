-- Make room: keep the files of the newest posts of each profile, as many as fit into `keep_bytes`, and drop the rest.
-- The newest post of every profile comes before the second of any. Reads all rows that have a file.
WITH placed AS (
    SELECT m.path, m.size_bytes, dense_rank() OVER (
               PARTITION BY p.profile_id ORDER BY p.published_at DESC NULLS LAST, p.first_seen_at DESC, p.id) AS place
      FROM socialcron.media_cache AS m JOIN socialcron.profile_posts AS p ON p.id = m.profile_post_id
     WHERE m.path IS NOT NULL
), files AS (
    SELECT path, sum(max(size_bytes)) OVER (ORDER BY min(place), path) AS bytes_up_to_here FROM placed GROUP BY path
)
UPDATE socialcron.media_cache AS m
   SET path = NULL, sha256 = NULL, size_bytes = NULL, mime_type = NULL, cached_at = NULL,
       status = CASE status WHEN 'cached' THEN 'dropped' ELSE status END
  FROM files
 WHERE m.path = files.path AND files.bytes_up_to_here > %(keep_bytes)s
RETURNING files.path
