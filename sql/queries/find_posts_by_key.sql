-- Posts that already have the keys of those just refused by add_posts.sql. same_payload: nothing else was asked for.
SELECT w.content_id, w.account_id, p.id, p.status, p.due_at,
       p.request_hash IS NOT DISTINCT FROM
           md5(jsonb_build_array(c.text, CASE WHEN w.next_slot THEN '"next-slot"' ELSE to_jsonb(w.due_at AT TIME ZONE 'UTC') END,
                                 c.media, c.link, c.thread, c.first_comment, c.poll, c.variants, c.approved_at IS NULL)::text)
           AS same_payload
  FROM jsonb_to_recordset(%(posts)s) AS w (content_id bigint, account_id bigint, due_at timestamptz, next_slot boolean,
                                           external_key text)
  JOIN socialcron.contents AS c ON c.id = w.content_id
  JOIN socialcron.posts AS p ON p.account_id = w.account_id AND p.external_key = w.external_key
