-- The newest posts of a profile with their latest counts. Uses profile_posts_profile_id_remote_id_key, then sorts.
-- remote_id: only this one; null: any.
SELECT id, remote_id, url, caption, published_at, cover_url, thumbnail_url, views, likes, shares, comments, saves,
       first_seen_at, last_seen_at
  FROM socialcron.profile_posts
 WHERE profile_id = %(profile_id)s AND (%(remote_id)s::text IS NULL OR remote_id = %(remote_id)s)
 ORDER BY published_at DESC NULLS LAST, id DESC
 LIMIT %(batch_size)s
