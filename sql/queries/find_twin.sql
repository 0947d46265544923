-- Another post of the account with the same words that is open, too: then a match could be either's, for a listing
-- shows words at best, and not which file was attached. Null: there is none. sending: it is on its way this moment;
-- confirmed: it is out under a provisional name, so that the one in the listing is not known to be its own.
-- payload_hash: what is before the slash stands for the words.
-- Uses posts_due_idx, posts_reconcile_idx and publish_attempts_post_idx.
SELECT a.phase
  FROM socialcron.posts AS p
  JOIN socialcron.publish_attempts AS a ON a.post_id = p.id AND a.step = 0
 WHERE p.account_id = %(account_id)s AND p.id <> %(post_id)s
   AND (p.status IN ('processing', 'unconfirmed') OR p.reconcile_at IS NOT NULL)
   AND (a.phase IN ('sending', 'unknown') OR a.provisional)
   AND split_part(a.payload_hash, '/', 1) = split_part(%(payload_hash)s, '/', 1)
 ORDER BY a.phase = 'unknown'
 LIMIT 1
