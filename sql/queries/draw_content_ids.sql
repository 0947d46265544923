-- Ids for contents about to be inserted, so that whole files of posts go in with one statement per table.
SELECT nextval(pg_get_serial_sequence('socialcron.contents', 'id')) AS id FROM generate_series(1, %(count)s)
