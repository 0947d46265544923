-- Claim one picture, those of the freshest posts first, under the address that the last scrape gave it.
-- Uses media_cache_due_idx, backwards. One at a time, because a worker takes its next one when it has a hand free.
WITH due AS MATERIALIZED (
    SELECT m.id, r.platform, CASE m.kind WHEN 'cover' THEN p.cover_url ELSE p.thumbnail_url END AS url
      FROM socialcron.media_cache AS m
      JOIN socialcron.profile_posts AS p ON p.id = m.profile_post_id
      JOIN socialcron.profiles AS r ON r.id = p.profile_id
     WHERE m.status IN ('waiting', 'active') AND m.next_at <= now()
       AND (m.lease_until IS NULL OR m.lease_until <= now())
       AND (%(platforms)s::text[] IS NULL OR r.platform = ANY(%(platforms)s))
     ORDER BY m.next_at DESC, m.id
     LIMIT 1
       FOR NO KEY UPDATE OF m SKIP LOCKED
)
UPDATE socialcron.media_cache AS m
   SET status = 'active', claim_token = %(claim_token)s, tries = m.tries + 1, url = coalesce(due.url, m.url),
       lease_until = now() + make_interval(secs => %(lease_seconds)s)
  FROM due
 WHERE m.id = due.id
RETURNING m.id, m.profile_post_id, m.kind, due.platform, m.url, m.tries
