-- What a tick of post-due has to do, in one round trip; all false on an idle tick.
-- Uses accounts_next_due_idx, account_wakeups_ready_idx, posts_claimed_idx, posts_reconcile_idx, recurrences_fill_idx: one
-- probe each.
-- look_ahead_seconds: how far ahead posts are claimed. stuck_seconds: how long without a sign of life makes a post stuck.
SELECT EXISTS (SELECT FROM socialcron.accounts
                WHERE next_due_at <= now() + make_interval(secs => %(look_ahead_seconds)s))     AS accounts_due,
       EXISTS (SELECT FROM socialcron.account_wakeups
                WHERE ready_at <= now() + make_interval(secs => %(look_ahead_seconds)s))        AS wakeups_due,
       EXISTS (SELECT FROM socialcron.posts
                WHERE claim_token IS NOT NULL AND lease_until < now() AND status = 'processing'
                  AND heartbeat_at < now() - make_interval(secs => %(stuck_seconds)s))           AS posts_stuck,
       EXISTS (SELECT FROM socialcron.posts WHERE reconcile_at <= now())                        AS unconfirmed_due,
       EXISTS (SELECT FROM socialcron.recurrences WHERE fill_at <= now())                       AS recurrences_due
