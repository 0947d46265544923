-- One page: its readings go into the history, and what the history took becomes the latest of each post.
-- A post that the run has read before keeps its first reading, here and there. Uses profile_posts_profile_id_remote_id_key
-- and the primary keys. What an answer leaves out (a caption, an address) is kept; a count that it leaves out is not known.
WITH given AS MATERIALIZED (
    SELECT p.id, g.*
      FROM jsonb_to_recordset(%(posts)s) AS g (
               remote_id text, url text, caption text, published_at timestamptz, cover_url text, thumbnail_url text,
               views bigint, likes bigint, shares bigint, comments bigint, saves bigint)
      JOIN socialcron.profile_posts AS p ON p.profile_id = %(profile_id)s AND p.remote_id = g.remote_id
), read AS (
    INSERT INTO socialcron.profile_post_metrics
           (post_id, profile_id, run_id, read_at, views, likes, shares, comments, saves)
    SELECT id, %(profile_id)s, %(run_id)s, %(read_at)s, views, likes, shares, comments, saves FROM given
    ON CONFLICT (post_id, read_at) DO NOTHING
    RETURNING post_id
)
UPDATE socialcron.profile_posts AS p
   SET url = coalesce(given.url, p.url), caption = coalesce(given.caption, p.caption),
       published_at = coalesce(given.published_at, p.published_at),
       cover_url = coalesce(given.cover_url, p.cover_url), thumbnail_url = coalesce(given.thumbnail_url, p.thumbnail_url),
       views = given.views, likes = given.likes, shares = given.shares, comments = given.comments, saves = given.saves,
       last_seen_at = %(read_at)s
  FROM given JOIN read ON read.post_id = given.id
 WHERE p.id = given.id
