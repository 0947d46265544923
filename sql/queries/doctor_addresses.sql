-- Addresses of their own that active accounts post to.
SELECT settings ->> 'base_url' AS address, count(*)::integer AS accounts
  FROM socialcron.accounts
 WHERE status = 'active' AND settings ->> 'base_url' <> ''
 GROUP BY 1
 ORDER BY 2 DESC, 1
 LIMIT 1000
