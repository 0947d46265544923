-- The account that is already there under this external id, or this handle on the same server.
SELECT id
  FROM socialcron.accounts
 WHERE platform = %(platform)s
   AND (external_id = %(external_id)s
        OR lower(handle) = lower(%(handle)s) AND settings ->> 'base_url' IS NOT DISTINCT FROM %(base_url)s)
 ORDER BY id
 LIMIT 1
