-- The posts of the calendar's days, in the order of their time: the next `most` to go out, the latest `most` that went out and
-- as many that did not. at: when it went out, else when it is due. Uses posts_due_idx (per status) and posts_posted_idx.
WITH chosen AS (
    (SELECT id, posted_at AS at
       FROM socialcron.posts
      WHERE posted_at >= %(begin)s AND posted_at < %(end)s
      ORDER BY posted_at DESC
      LIMIT %(most)s)
    UNION ALL
    SELECT o.id, o.at
      FROM unnest(ARRAY['scheduled', 'processing']) AS s (status)
     CROSS JOIN LATERAL (
           SELECT id, due_at AS at FROM socialcron.posts
            WHERE status = s.status AND due_at >= %(begin)s AND due_at < %(end)s
            ORDER BY due_at LIMIT %(most)s) AS o
    UNION ALL
    SELECT o.id, o.at
      FROM unnest(ARRAY['failed', 'missed', 'unconfirmed']) AS s (status)
     CROSS JOIN LATERAL (
           SELECT id, due_at AS at FROM socialcron.posts
            WHERE status = s.status AND posted_at IS NULL AND due_at >= %(begin)s AND due_at < %(end)s
            ORDER BY due_at DESC LIMIT %(most)s) AS o
)
SELECT p.id, a.platform, a.handle, p.status, k.at, (k.at AT TIME ZONE %(zone)s)::date AS day, left(c.text, 120) AS text
  FROM chosen AS k
  JOIN socialcron.posts AS p ON p.id = k.id
  JOIN socialcron.accounts AS a ON a.id = p.account_id
  JOIN socialcron.contents AS c ON c.id = p.content_id
 ORDER BY k.at, p.id
