-- Whether this login sees every row of a table: row level security does not apply to it, or a policy of one of its
-- roles lets all rows pass. Where neither holds, rows are left out without a word.
SELECT NOT row_security_active(%(table)s::regclass) OR EXISTS (
    SELECT FROM pg_policy AS p
     WHERE p.polrelid = %(table)s::regclass AND p.polcmd IN ('*', 'r') AND p.polpermissive
       AND pg_get_expr(p.polqual, p.polrelid) = 'true'
       AND EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE r = 0 OR pg_has_role(r, 'USAGE'))
)
