SELECT p.id, p.status, p.account_id, a.platform, a.handle, a.settings
  FROM socialcron.posts AS p
  JOIN socialcron.accounts AS a ON a.id = p.account_id
 WHERE p.content_id = %(content_id)s
 ORDER BY p.id
   FOR NO KEY UPDATE OF p
