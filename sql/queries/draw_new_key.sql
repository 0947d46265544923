-- The id we chose for a post is taken by another one: its next attempt gets another.
UPDATE socialcron.posts SET key_seed = gen_random_uuid()
 WHERE id = %(post_id)s AND claim_token = %(claim_token)s AND status = 'processing'
