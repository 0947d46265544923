-- Content before posts: the same order as in the trigger that passes an edit on to them.
SELECT c.id, c.text, c.media, c.link, c.poll, c.thread, c.first_comment, c.variants, c.approved_at IS NULL AS needs_approval
  FROM socialcron.contents AS c
 WHERE c.id = (SELECT content_id FROM socialcron.posts WHERE id = %(post_id)s)
   FOR NO KEY UPDATE OF c
