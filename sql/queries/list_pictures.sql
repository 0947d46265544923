-- Pictures of a profile's posts to be fetched: those never seen, those that another one has taken the place of, and those
-- that could not be had where the address is new (an old signature ends). Not those dropped, nor those that were no picture.
-- Uses profile_posts_profile_id_remote_id_key and media_cache_profile_post_id_kind_key. Due since the post came out, so
-- that the claim takes fresh posts first.
INSERT INTO socialcron.media_cache AS m (profile_post_id, kind, url, next_at)
SELECT p.id, g.kind, g.url, least(p.published_at, now())
  FROM socialcron.profile_posts AS p
 CROSS JOIN LATERAL (VALUES ('cover', p.cover_url), ('thumbnail', p.thumbnail_url)) AS g (kind, url)
  LEFT JOIN socialcron.media_cache AS k ON k.profile_post_id = p.id AND k.kind = g.kind
 WHERE p.profile_id = %(profile_id)s AND g.url IS NOT NULL
   AND (k.id IS NULL
        OR k.url <> g.url AND (k.status = 'gone'
                               OR k.status = 'failed' AND k.error_class <> 'invalid_content'
                               OR k.status <> 'dropped'
                                  AND socialcron.url_path(k.url) IS DISTINCT FROM socialcron.url_path(g.url)))
 ORDER BY p.published_at DESC NULLS LAST, p.id
ON CONFLICT (profile_post_id, kind) DO UPDATE
   SET url = excluded.url, status = 'waiting', next_at = excluded.next_at, tries = 0,
       claim_token = NULL, lease_until = NULL, error_class = NULL, error = NULL
