-- Why: the addresses of covers and thumbnails end after days; who wants to see them later has to keep the pictures.

-- A folder of pictures belongs to one database: another one's clean-up would delete what it does not know.
ALTER TABLE socialcron.schema_meta ADD COLUMN database_id uuid NOT NULL DEFAULT gen_random_uuid();

-- last_run_at as of when the pictures of the profile's posts were last put down below; no clock is compared.
ALTER TABLE socialcron.profiles ADD COLUMN pictures_listed_at timestamptz;
CREATE INDEX profiles_unlisted_idx ON socialcron.profiles (id) WHERE last_run_at IS DISTINCT FROM pictures_listed_at;

-- What an address points to: its path. Signatures are in the query and change with every scrape; hosts take turns.
CREATE FUNCTION socialcron.url_path(url text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT substring(url FROM '^[^:]+://[^/?#]*([^?#]*)')
$$;
REVOKE ALL ON FUNCTION socialcron.url_path FROM PUBLIC;

-- One cover or thumbnail. `path`, where there is one, is a file below the cache folder, named after its SHA-256; posts with the
-- same picture share it. A picture that was replaced stays until the new one has come.
CREATE TABLE socialcron.media_cache (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- newest posts of a profile first
    profile_post_id bigint NOT NULL REFERENCES socialcron.profile_posts ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('cover', 'thumbnail')),
    url             text NOT NULL,                            -- as last seen or fetched; profile_posts has today's
    status          text NOT NULL DEFAULT 'waiting'
                    CHECK (status IN ('waiting', 'active', 'cached', 'failed', 'gone', 'dropped')),
    next_at         timestamptz NOT NULL DEFAULT now(),       -- waiting: when it is tried next; later than now: delayed
    claim_token     uuid,
    lease_until     timestamptz,
    tries           smallint NOT NULL DEFAULT 0,
    path            text,
    sha256          text,
    size_bytes      bigint,
    mime_type       text,                                     -- what its bytes are, whatever the server said
    cached_at       timestamptz,
    error_class     text,
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (profile_post_id, kind),
    CHECK (status <> 'cached' OR path IS NOT NULL),
    CHECK (num_nulls(path, sha256, size_bytes, mime_type, cached_at) IN (0, 5)),
    CHECK ((status = 'active') = (claim_token IS NOT NULL)),
    CHECK ((claim_token IS NULL) = (lease_until IS NULL))
);
CREATE INDEX media_cache_due_idx ON socialcron.media_cache (next_at, id) WHERE status IN ('waiting', 'active');
CREATE INDEX media_cache_path_idx ON socialcron.media_cache (path) INCLUDE (size_bytes) WHERE path IS NOT NULL;
COMMENT ON TABLE socialcron.media_cache IS 'locally kept covers and thumbnails of monitored posts; `dropped`: for want of room';
