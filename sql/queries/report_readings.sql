-- The readings of these posts, each post's in the order of time, its latest `most` at most. Uses the primary keys.
SELECT m.post_id AS id, m.read_at, m.views, m.likes, m.comments, m.shares, m.saves
  FROM unnest(%(post_ids)s::bigint[]) AS p (id)
 CROSS JOIN LATERAL (
       SELECT * FROM socialcron.post_metrics WHERE post_id = p.id ORDER BY slot_at DESC LIMIT %(most)s) AS m
 ORDER BY m.post_id, m.slot_at
