-- Uses the primary keys; profile_posts_profile_id_remote_id_key finds the posts.
DELETE FROM socialcron.profile_post_metrics
 WHERE post_id IN (SELECT id FROM socialcron.profile_posts WHERE profile_id = %(profile_id)s)
