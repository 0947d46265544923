-- Some posts of a content part from it, because others have said it already.
UPDATE socialcron.posts SET content_id = %(content_id)s, revision = revision + 1 WHERE id = ANY(%(post_ids)s)
