-- Approve what these posts say; every post that says the same is free to go. Locks in id order.
WITH waiting AS MATERIALIZED (
    SELECT id
      FROM socialcron.contents
     WHERE id IN (SELECT content_id FROM socialcron.posts WHERE id = ANY(%(post_ids)s)) AND approved_at IS NULL
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE socialcron.contents SET approved_at = now(), updated_at = now() WHERE id = ANY(ARRAY(SELECT id FROM waiting))
