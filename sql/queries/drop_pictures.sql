-- Make room: keep the files of the newest posts of each profile, as many as fit into `keep_bytes`, and drop the rest, also
-- what waits and would be dropped as soon as it came. The newest post of every profile comes before the second of any.
-- Reads the whole table. path: a file that was dropped; null: it had none yet.
WITH placed AS MATERIALIZED (
    SELECT m.id, m.path, m.size_bytes, dense_rank() OVER (
               PARTITION BY p.profile_id ORDER BY p.published_at DESC NULLS LAST, p.first_seen_at DESC, p.id) AS place
      FROM socialcron.media_cache AS m JOIN socialcron.profile_posts AS p ON p.id = m.profile_post_id
), dropped AS (
    SELECT path, place
      FROM (SELECT path, min(place) AS place, sum(max(size_bytes)) OVER (ORDER BY min(place), path) AS bytes_up_to_here
              FROM placed WHERE path IS NOT NULL GROUP BY path) AS files
     WHERE bytes_up_to_here > %(keep_bytes)s
), hopeless AS (
    SELECT id, path FROM placed JOIN dropped USING (path)
    UNION ALL
    SELECT id, NULL FROM placed WHERE path IS NULL AND place > (SELECT min(place) FROM dropped)
)
UPDATE socialcron.media_cache AS m
   SET path = NULL, sha256 = NULL, size_bytes = NULL, mime_type = NULL, cached_at = NULL,
       status = CASE WHEN status IN ('cached', 'waiting') THEN 'dropped' ELSE status END
  FROM hopeless AS h
 WHERE m.id = h.id AND (h.path IS NOT NULL OR m.status = 'waiting')
RETURNING h.path
