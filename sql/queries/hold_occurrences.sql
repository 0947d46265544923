-- Hold these posts, except what is held already and what has begun to go out. held_at is the recurrence's paused_at.
UPDATE socialcron.posts AS p SET held_at = now(), revision = revision + 1
 WHERE p.id = ANY(%(post_ids)s) AND p.held_at IS NULL
   AND NOT EXISTS (SELECT FROM socialcron.publish_attempts AS a
                    WHERE a.post_id = p.id AND a.phase IN ('sending', 'unknown', 'confirmed'))
