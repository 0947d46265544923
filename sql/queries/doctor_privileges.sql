-- What this login may not do, of all that sql/grants.sql lets a worker do. Partitions are written by way of their table.
SELECT missing.object, array_agg(missing.privilege) AS privileges
  FROM (SELECT c.relname::text AS object, p.privilege
          FROM pg_class AS c
         CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
         WHERE c.relnamespace = 'socialcron'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND (p.privilege = 'SELECT' OR c.relname NOT IN ('schema_meta', 'schema_migrations'))
           AND NOT has_table_privilege(c.oid, p.privilege)
         UNION ALL
        SELECT f.proname || '()', 'EXECUTE'
          FROM pg_proc AS f
         WHERE f.pronamespace = 'socialcron'::regnamespace AND f.prorettype <> 'trigger'::regtype
           AND NOT has_function_privilege(f.oid, 'EXECUTE')) AS missing
 GROUP BY missing.object
 ORDER BY missing.object
