-- How old the schema is, in seconds; of a dozen rows, without an index.
SELECT extract(epoch FROM now() - min(applied_at))::float8 AS seconds FROM socialcron.schema_migrations
