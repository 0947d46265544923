-- Everything that can keep one post from going out. Uses the primary keys, runs_command_idx, posts_ready_idx and
-- publish_attempts_sent_idx. ahead: ready posts of the account that go first, counted up to 1000.
SELECT p.id, p.status, p.recurrence_id, p.due_at, p.ready_at, p.retry_at, p.held_at IS NOT NULL AS held, p.attempt, p.max_attempts,
       p.first_claimed_at IS NOT NULL AS claimed_before, p.cancel_requested_at IS NOT NULL AS cancel_requested,
       coalesce(p.lease_until > now(), false) AND p.claim_token IS NOT NULL AS in_work,
       p.reconcile_at, p.heartbeat_at, p.error_class, p.last_error, p.url, p.posted_at, p.incomplete_at_step,
       c.approved_at IS NOT NULL AS approved, coalesce(socialcron.says_something(c), false) AS has_content,
       a.id AS account_id, a.platform, a.handle, a.status AS account_status, a.autopost_enabled, a.blocked_until,
       a.last_error AS account_error, coalesce(a.busy_until > now(), false) AS account_busy,
       now() AS now,
       (SELECT coalesce(r.finished_at, r.started_at) FROM socialcron.runs AS r
         WHERE r.command = 'post-due' ORDER BY r.started_at DESC LIMIT 1) AS last_run_at,
       (SELECT count(*) FROM (
            SELECT FROM socialcron.posts AS q
             WHERE q.account_id = p.account_id AND q.ready_at <= now() AND (q.ready_at, q.id) < (p.ready_at, p.id)
             LIMIT 1000) AS earlier) AS ahead,
       (SELECT coalesce(sum(s.sends), 0) FROM socialcron.publish_attempts AS s
         WHERE s.account_id = p.account_id AND s.step = 0
           AND s.sending_at > now() - interval '1 hour') AS sends_last_hour  -- clock_timestamp() would not use the index
  FROM socialcron.posts AS p
  JOIN socialcron.contents AS c ON c.id = p.content_id
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE p.id = %(post_id)s
