-- Of these tables those without row level security.
SELECT c.relname::text AS name FROM pg_class AS c
 WHERE c.oid = ANY(%(tables)s::regclass[]) AND NOT c.relrowsecurity ORDER BY 1
