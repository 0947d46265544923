-- What goes when the account goes. Uses the unique index on (account_id, external_key).
SELECT count(*) AS posts,
       count(*) FILTER (WHERE status = 'scheduled') AS waiting,
       count(*) FILTER (WHERE status IN ('processing', 'unconfirmed')) AS under_way
  FROM socialcron.posts
 WHERE account_id = %(account_id)s
