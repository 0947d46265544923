SELECT w.id
  FROM unnest(%(post_ids)s::bigint[]) AS w (id)
 WHERE NOT EXISTS (SELECT FROM socialcron.posts AS p WHERE p.id = w.id)
 ORDER BY w.id
