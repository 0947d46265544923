-- What went wrong last; a post that its platform took and decides on later (unconfirmed, no error) did not. Uses
-- posts_trouble_idx, once per status.
SELECT p.id, p.account_id, a.platform, a.handle, p.status, p.due_at, p.updated_at AS failed_at, p.attempt, p.error_class,
       left(p.last_error, 300) AS last_error
  FROM unnest(ARRAY['failed', 'missed', 'unconfirmed']) AS s (status)
 CROSS JOIN LATERAL (
       SELECT *
         FROM socialcron.posts
        WHERE status = s.status AND status IN ('processing', 'failed', 'unconfirmed', 'missed', 'cancelled')
           AND (status <> 'unconfirmed' OR error_class IS NOT NULL)
        ORDER BY updated_at DESC
        LIMIT 10) AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 ORDER BY p.updated_at DESC, p.id DESC
 LIMIT 10
