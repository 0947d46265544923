-- Accounts that do not post now, and whether a post of theirs is to go out by tomorrow. Uses posts_ready_idx.
SELECT a.id, a.platform, a.handle, a.status, a.autopost_enabled, a.blocked_until,
       EXISTS (SELECT FROM socialcron.posts AS p
                WHERE p.account_id = a.id AND p.ready_at <= now() + interval '24 hours') AS has_posts
  FROM socialcron.accounts AS a
 WHERE a.status <> 'active' OR NOT a.autopost_enabled OR a.blocked_until > now()
 ORDER BY has_posts DESC, a.id
 LIMIT 1000
