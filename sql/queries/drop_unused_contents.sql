-- Contents added for posts that turned out to exist already.
DELETE FROM socialcron.contents AS c
 WHERE c.id = ANY(%(content_ids)s) AND NOT EXISTS (SELECT FROM socialcron.posts AS p WHERE p.content_id = c.id)
