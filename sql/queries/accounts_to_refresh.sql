-- Active accounts whose tokens end soon, soonest first, for `accounts refresh`. Which of them can be renewed is in their
-- credentials. early_seconds: of each platform, how long before its end a token is renewed, but not in the first half
-- of its life; within_seconds: at least so long, null: no more. A refresh token that ends within a week is used, too:
-- where it rotates, that keeps it alive. expiring false: all active accounts that have tokens.
SELECT a.id
  FROM socialcron.accounts AS a
  LEFT JOIN unnest(%(platforms)s::text[], %(early_seconds)s::float8[]) AS p (platform, seconds) USING (platform)
 CROSS JOIN LATERAL (
     SELECT least(p.seconds, extract(epoch FROM a.token_expires_at - a.refreshed_at)::float8 / 2) AS early_seconds
 ) AS t
 WHERE a.status = 'active' AND a.credentials IS NOT NULL
   AND (NOT %(expiring)s
        OR a.token_expires_at < now() + make_interval(secs => greatest(t.early_seconds, %(within_seconds)s::float8))
        OR a.refresh_expires_at < now() + make_interval(secs => greatest(604800, %(within_seconds)s::float8)))
 ORDER BY least(a.token_expires_at, a.refresh_expires_at) NULLS LAST, a.id
