-- First in the transaction of a page: a profile that another run has claimed meanwhile is not ours to write to.
SELECT id FROM socialcron.profiles WHERE id = %(profile_id)s AND claim_token = %(claim_token)s FOR NO KEY UPDATE
