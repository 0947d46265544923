-- Second half of the claim, on the accounts just locked, with a fresh snapshot: take a few posts of each, turn by
-- turn, oldest first; mark those whose lateness window has passed; say when each account wants to be looked at again.
-- Uses posts_ready_idx, once per account. The LIMITs stand in materialised parts: under a nested loop a bare
-- IN (SELECT ... LIMIT n) is run again per row and claims far more than n.
-- An account that still has a backlog is looked at again from now() on, that is behind those that waited longer:
-- a huge backlog cannot starve the others.
-- Missed is what was ready before `late_before` and nobody ever tried: never a retry, nor what a rate limit of the
-- account kept waiting, so an account whose block ended within the window misses nothing.
WITH locked AS MATERIALIZED (
    SELECT id, blocked_until,
           CASE WHEN blocked_until >= now() - make_interval(secs => %(lateness_seconds)s) THEN '-infinity'
                ELSE now() - make_interval(secs => %(lateness_seconds)s) END AS late_before,
           status = 'active' AND autopost_enabled AND (blocked_until IS NULL OR blocked_until <= now()) AS may_post
      FROM socialcron.accounts
     WHERE id = ANY(%(account_ids)s)
), window_rows AS MATERIALIZED (
    SELECT p.id, p.account_id, p.ready_at,
           row_number() OVER (PARTITION BY p.account_id
                              ORDER BY CASE WHEN p.ready_at <= now() THEN p.priority ELSE -32768 END DESC,
                                       p.ready_at, p.id) AS turn
      FROM locked AS a
     CROSS JOIN LATERAL (
           SELECT id, account_id, ready_at, priority
             FROM socialcron.posts
            WHERE account_id = a.id
              AND ready_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
              AND (first_claimed_at IS NOT NULL OR ready_at >= a.late_before)
            ORDER BY ready_at, id
            LIMIT 2 * %(catch_up_cap)s) AS p
     WHERE a.may_post
), chosen AS MATERIALIZED (
    SELECT id FROM window_rows WHERE turn <= %(catch_up_cap)s ORDER BY turn, ready_at, id LIMIT %(batch_size)s
), taken AS MATERIALIZED (
    SELECT id
      FROM socialcron.posts
     WHERE id = ANY(ARRAY(SELECT id FROM chosen))
       AND ready_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
       FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    UPDATE socialcron.posts AS p
       SET status = 'processing', attempt = p.attempt + 1, claim_token = %(claim_token)s,
           lease_until = now() + make_interval(secs => %(lease_seconds)s), heartbeat_at = now(),
           first_claimed_at = coalesce(p.first_claimed_at, now()), retry_at = NULL
     WHERE p.id = ANY(ARRAY(SELECT id FROM taken))
    RETURNING p.id, p.account_id
), too_late AS MATERIALIZED (
    SELECT p.id
      FROM locked AS a
     CROSS JOIN LATERAL (
           SELECT id
             FROM socialcron.posts
            WHERE account_id = a.id
              AND ready_at < a.late_before
              AND first_claimed_at IS NULL
            ORDER BY ready_at, id
            LIMIT 1000
              FOR NO KEY UPDATE SKIP LOCKED) AS p
     WHERE a.may_post
), missed AS (
    UPDATE socialcron.posts AS p
       SET status = 'missed', last_error = 'first looked at later than its lateness window allows'
     WHERE p.id = ANY(ARRAY(SELECT id FROM too_late))
    RETURNING p.id, p.account_id
), looked AS (
    UPDATE socialcron.accounts AS a
       SET next_due_at = CASE WHEN l.may_post OR a.status = 'active' AND a.autopost_enabled THEN (
               SELECT greatest(p.ready_at, now(), l.blocked_until)
                 FROM socialcron.posts AS p
                WHERE p.account_id = a.id AND p.ready_at IS NOT NULL
                  AND NOT p.id = ANY(ARRAY(SELECT id FROM taken)) AND NOT p.id = ANY(ARRAY(SELECT id FROM too_late))
                ORDER BY p.ready_at, p.id
                LIMIT 1) END,
           busy_token = CASE WHEN a.id = ANY(ARRAY(SELECT account_id FROM claimed)) THEN %(claim_token)s
                             ELSE a.busy_token END,
           busy_until = CASE WHEN a.id = ANY(ARRAY(SELECT account_id FROM claimed))
                             THEN now() + make_interval(secs => %(lease_seconds)s) ELSE a.busy_until END
      FROM locked AS l
     WHERE a.id = l.id AND a.id = ANY(%(account_ids)s)
), hints AS (
    DELETE FROM socialcron.account_wakeups
     WHERE account_id = ANY(%(account_ids)s) AND ready_at <= now() + make_interval(secs => %(look_ahead_seconds)s)
)
SELECT id, account_id, true AS claimed FROM claimed
UNION ALL
SELECT id, account_id, false FROM missed
