-- A post for each occurrence, a local time. Where clocks change two of them may be one moment, which becomes one post;
-- one that is there already stays as it is. Uses posts_recurrence_idx.
INSERT INTO socialcron.posts (content_id, account_id, due_at, priority, max_attempts, recurrence_id, occurs_at)
SELECT r.content_id, r.account_id, at.moment, r.priority, r.max_attempts, r.id, at.moment
  FROM socialcron.recurrences AS r
 CROSS JOIN (SELECT DISTINCT socialcron.local_moment(local, one.zone) AS moment
               FROM socialcron.recurrences AS one CROSS JOIN unnest(%(occurrences)s::timestamp[]) AS local
              WHERE one.id = %(recurrence_id)s) AS at
 WHERE r.id = %(recurrence_id)s
 ORDER BY at.moment
ON CONFLICT (recurrence_id, occurs_at) WHERE recurrence_id IS NOT NULL DO NOTHING
RETURNING id, due_at
