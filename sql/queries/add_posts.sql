-- Posts of the contents just added, except those whose external key is taken. The hash is schedule_post's, so that a
-- key means the same whoever schedules; next_slot is a wish of its own, whatever time it became. Waits for a transaction
-- that is inserting the same key.
INSERT INTO socialcron.posts (content_id, account_id, due_at, external_key, request_hash, priority, max_attempts,
                              held_at)
SELECT c.id, p.account_id, p.due_at, p.external_key,
       md5(jsonb_build_array(c.text, CASE WHEN p.next_slot THEN '"next-slot"' ELSE to_jsonb(p.due_at AT TIME ZONE 'UTC') END,
                             c.media, c.link, c.thread, c.first_comment, c.poll, c.variants, c.approved_at IS NULL)::text),
       p.priority, p.max_attempts, CASE WHEN p.held THEN now() END
  FROM jsonb_to_recordset(%(posts)s) AS p (content_id bigint, account_id bigint, due_at timestamptz, next_slot boolean,
                                           external_key text, priority integer, max_attempts integer, held boolean, place integer)
  JOIN socialcron.contents AS c ON c.id = p.content_id
 ORDER BY p.place
ON CONFLICT (account_id, external_key) DO NOTHING
RETURNING id, content_id, account_id, status, due_at
