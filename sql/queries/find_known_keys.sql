-- Which of these (account, external key) pairs have a post already. Uses the unique index.
SELECT p.account_id, p.external_key
  FROM unnest(%(account_ids)s::bigint[], %(external_keys)s::text[]) AS w (account_id, external_key)
  JOIN socialcron.posts AS p ON p.account_id = w.account_id AND p.external_key = w.external_key
