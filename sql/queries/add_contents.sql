-- What the new posts say; ids come from draw_content_ids.sql. draft: waits for `posts approve`.
INSERT INTO socialcron.contents (id, text, media, link, poll, thread, first_comment, variants, approved_at)
OVERRIDING SYSTEM VALUE
SELECT c.id, c.text, c.media, c.link, c.poll, c.thread, c.first_comment, c.variants, CASE WHEN NOT c.draft THEN now() END
  FROM jsonb_to_recordset(%(contents)s) AS c (id bigint, text text, media jsonb, link text, poll jsonb, thread jsonb,
                                              first_comment text, variants jsonb, draft boolean)
