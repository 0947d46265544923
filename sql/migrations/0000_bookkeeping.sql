-- Why: the migrations need a place to write down what was applied before the first of them runs.
-- The schema may exist already: an administrator can make it for a role that may not create schemas.

CREATE SCHEMA IF NOT EXISTS socialcron;

CREATE TABLE socialcron.schema_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,  -- SHA-256 of the file: a migration is never edited once it was applied somewhere
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row, read by every command before its first query.
-- migration: number of the newest one applied. Code needs all those it ships with.
-- oldest_code: the newest migration that code must ship with to be allowed to run. A migration that older code cannot live
-- with raises it: UPDATE socialcron.schema_meta SET oldest_code = <its own number>.
CREATE TABLE socialcron.schema_meta (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    migration   integer NOT NULL,
    oldest_code integer NOT NULL
);

INSERT INTO socialcron.schema_meta (migration, oldest_code) VALUES (0, 0);
