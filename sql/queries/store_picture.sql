-- A picture is in the folder, or will be when this commits. Uses the primary key. Nothing changes where the claim is not ours.
UPDATE socialcron.media_cache
   SET status = 'cached', path = %(path)s, sha256 = %(sha256)s, size_bytes = %(size_bytes)s, mime_type = %(mime_type)s,
       cached_at = clock_timestamp(), tries = 0, claim_token = NULL, lease_until = NULL, error_class = NULL, error = NULL
 WHERE id = %(picture_id)s AND claim_token = %(claim_token)s
