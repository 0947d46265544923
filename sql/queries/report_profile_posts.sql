-- The most viewed posts of these profiles, `most` of each. Uses the unique index of (profile_id, remote_id).
SELECT p.profile_id, p.url, left(p.caption, 120) AS caption, p.published_at, p.views, p.likes, p.comments, p.shares, p.saves
  FROM unnest(%(profile_ids)s::bigint[]) AS f (id)
 CROSS JOIN LATERAL (
       SELECT * FROM socialcron.profile_posts
        WHERE profile_id = f.id
        ORDER BY views DESC NULLS LAST, published_at DESC NULLS LAST, id DESC LIMIT %(most)s) AS p
 ORDER BY p.profile_id, p.views DESC NULLS LAST, p.published_at DESC NULLS LAST, p.id DESC
