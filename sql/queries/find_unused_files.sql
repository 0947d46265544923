-- Those of `paths` that no row has. Uses media_cache_path_idx.
SELECT g.path FROM unnest(%(paths)s::text[]) AS g (path)
 WHERE NOT EXISTS (SELECT FROM socialcron.media_cache AS m WHERE m.path = g.path)
