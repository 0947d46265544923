-- What the server is and how it keeps its promises; reads no table, so that it answers whoever may connect.
-- may_enter: null where there is no schema.
SELECT current_setting('server_version') AS version,
       clock_timestamp() AS clock,
       pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_user::text AS role,
       pg_backend_pid() AS backend_pid,
       has_schema_privilege(to_regnamespace('socialcron')::oid, 'USAGE') AS may_enter
