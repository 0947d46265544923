-- Which connected accounts the given ones (arrays, one element each) are: by the platform's id, else by the handle (with or
-- without @) where one of the two has no id. number: place in the arrays, from 1. same_server: the same address, or none in both.
WITH given AS (
    SELECT *
      FROM unnest(%(platforms)s::text[], %(handles)s::text[], %(external_ids)s::text[], %(base_urls)s::text[])
           WITH ORDINALITY AS g (platform, handle, external_id, base_url, number)
)
SELECT g.number, a.id, a.status, a.import_digest, a.settings, true AS same_id,
       a.settings ->> 'base_url' IS NOT DISTINCT FROM g.base_url AS same_server
  FROM given AS g
  JOIN socialcron.accounts AS a ON a.platform = g.platform AND a.external_id = g.external_id
 UNION ALL
SELECT g.number, a.id, a.status, a.import_digest, a.settings, false, true
  FROM given AS g
  JOIN socialcron.accounts AS a ON a.platform = g.platform
   AND lower(ltrim(a.handle, '@')) = lower(ltrim(g.handle, '@'))
 WHERE (a.external_id IS NULL OR g.external_id IS NULL)
   AND a.settings ->> 'base_url' IS NOT DISTINCT FROM g.base_url
 ORDER BY number, id
