-- done, requested or too_late, for each: as sql/queries/cancel_post.sql.
SELECT socialcron.cancel_post(id) AS result FROM unnest(%(post_ids)s::bigint[]) AS id
