-- Roles that anybody on the web acts as, where there are such (Supabase, PostgREST), and that may enter the schema.
SELECT rolname::text AS name FROM pg_roles
 WHERE rolname IN ('anon', 'authenticated', 'web_anon') AND has_schema_privilege(oid, 'socialcron'::regnamespace, 'USAGE')
 ORDER BY 1
