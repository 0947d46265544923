-- Whether the table is small enough to be counted row by row. The planner's guess (-1: none yet) spares the look.
SELECT CASE WHEN (SELECT reltuples FROM pg_catalog.pg_class WHERE oid = 'socialcron.posts'::regclass) > 2 * %(most)s THEN false
            ELSE (SELECT count(*) <= %(most)s FROM (SELECT FROM socialcron.posts LIMIT %(most)s + 1) AS few) END
