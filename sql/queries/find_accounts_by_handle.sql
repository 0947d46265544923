-- Accounts as people name them: platform and handle. Several where servers of one platform share a handle.
SELECT w.platform || ':' || w.handle AS wanted, a.id
  FROM unnest(%(platforms)s::text[], %(handles)s::text[]) AS w (platform, handle)
  JOIN socialcron.accounts AS a ON a.platform = w.platform AND lower(a.handle) = lower(w.handle)
 ORDER BY a.id
