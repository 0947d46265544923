-- Posts whose time has come and that no run has, up to `most`. Uses posts_ready_idx, one probe per account.
SELECT count(*)
  FROM (SELECT
          FROM socialcron.accounts AS a
         CROSS JOIN LATERAL (
               SELECT FROM socialcron.posts WHERE account_id = a.id AND ready_at <= now() LIMIT %(most)s + 1) AS p
         LIMIT %(most)s + 1) AS few
