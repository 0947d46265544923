-- Posts never seen before, as yet without counts, so that their history has something to refer to.
-- Uses profile_posts_profile_id_remote_id_key. Those known already stay as they are.
INSERT INTO socialcron.profile_posts (profile_id, remote_id, first_seen_at, last_seen_at)
SELECT %(profile_id)s, g.remote_id, %(read_at)s, %(read_at)s
  FROM jsonb_to_recordset(%(posts)s) AS g (remote_id text)
ON CONFLICT (profile_id, remote_id) DO NOTHING
