-- Why: public profiles are watched: what they post, how it grows, and what each look at them found.

CREATE TABLE socialcron.profiles (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform           text NOT NULL CHECK (platform ~ '^[a-z][a-z0-9_]*$'),
    handle             text NOT NULL CHECK (handle <> ''),
    external_id        text,                                  -- the platform's own id; null until an answer named it
    monitoring_enabled boolean NOT NULL DEFAULT true,
    interval           interval NOT NULL DEFAULT '24 hours' CHECK (interval BETWEEN '1 minute' AND '366 days'),
    last_run_at        timestamptz,
    next_run_at        timestamptz NOT NULL DEFAULT now(),
    requested_at       timestamptz,                           -- somebody wants it now: goes first, monitored or not
    claim_token        uuid,
    lease_until        timestamptz,
    posts              integer NOT NULL DEFAULT 0,            -- totals over all posts ever seen, each once;
    views              bigint,                                -- null: no post of it has that count
    likes              bigint,
    shares             bigint,
    comments           bigint,
    saves              bigint,
    error_class        text,                                  -- of the last run; null: nothing was wrong with it
    last_error         text,
    created_at         timestamptz NOT NULL DEFAULT now()
);
-- No platform tells handles apart by case.
CREATE UNIQUE INDEX profiles_handle_idx ON socialcron.profiles (platform, lower(handle));
CREATE INDEX profiles_due_idx ON socialcron.profiles (next_run_at, id) WHERE monitoring_enabled;
CREATE INDEX profiles_requested_idx ON socialcron.profiles (requested_at, id) WHERE requested_at IS NOT NULL;

-- A post with its latest counts. Null is "not reported", zero is a reported zero.
CREATE TABLE socialcron.profile_posts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    profile_id    bigint NOT NULL REFERENCES socialcron.profiles ON DELETE CASCADE,
    remote_id     text NOT NULL,
    url           text,
    caption       text,
    published_at  timestamptz,
    cover_url     text,                                       -- as large as it comes; such addresses end after a while
    thumbnail_url text,
    views         bigint,
    likes         bigint,
    shares        bigint,
    comments      bigint,
    saves         bigint,
    first_seen_at timestamptz NOT NULL,                       -- read_at of the first and the last run that saw it
    last_seen_at  timestamptz NOT NULL,
    UNIQUE (profile_id, remote_id)
) WITH (fillfactor = 80);

-- One look at a profile, all pages of it. A run that died stays 'running' and is resumed at its cursor.
CREATE TABLE socialcron.monitoring_runs (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    profile_id     bigint NOT NULL REFERENCES socialcron.profiles ON DELETE CASCADE,
    status         text NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    manual         boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,                               -- null: it has not begun
    finished_at    timestamptz,
    pages          integer NOT NULL DEFAULT 0,                -- read and stored so far
    posts          integer NOT NULL DEFAULT 0,                -- different ones among them
    cursor         text,                                      -- of the page to read next; null: the first
    region         text,                                      -- where the provider shall ask from; null: its own choice
    error_class    text,                                      -- completed with an error: it ended early, see there
    error          text,
    total_posts    integer,                                   -- the profile's totals when the run ended
    total_views    bigint,
    total_likes    bigint,
    total_shares   bigint,
    total_comments bigint,
    total_saves    bigint
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX monitoring_runs_open_idx ON socialcron.monitoring_runs (profile_id) WHERE status IN ('pending', 'running');
CREATE INDEX monitoring_runs_profile_idx ON socialcron.monitoring_runs (profile_id, id DESC);
CREATE INDEX monitoring_runs_finished_idx ON socialcron.monitoring_runs (finished_at) WHERE finished_at IS NOT NULL;

-- Append-only. `read_at` is when the run began, one moment for all its posts: a page that a run reads twice adds nothing.
CREATE TABLE socialcron.profile_post_metrics (
    post_id    bigint NOT NULL,
    profile_id bigint NOT NULL,
    run_id     bigint NOT NULL,
    read_at    timestamptz NOT NULL,
    views      bigint,
    likes      bigint,
    shares     bigint,
    comments   bigint,
    saves      bigint,
    PRIMARY KEY (post_id, read_at)
) PARTITION BY RANGE (read_at);

-- ---------------------------------------------------------------------------------------------------------------
-- For people who live in SQL
-- ---------------------------------------------------------------------------------------------------------------

-- The totals of each day's last run against those of the day before it that had one.
CREATE VIEW socialcron.profile_growth_per_day AS
SELECT profile_id, day, total_posts AS posts, total_posts - lag(total_posts) OVER earlier AS posts_gained,
       total_views AS views, total_views - lag(total_views) OVER earlier AS views_gained,
       total_likes AS likes, total_likes - lag(total_likes) OVER earlier AS likes_gained,
       total_shares AS shares, total_shares - lag(total_shares) OVER earlier AS shares_gained,
       total_comments AS comments, total_comments - lag(total_comments) OVER earlier AS comments_gained,
       total_saves AS saves, total_saves - lag(total_saves) OVER earlier AS saves_gained
  FROM (SELECT DISTINCT ON (profile_id, day) *
          FROM (SELECT *, (finished_at AT TIME ZONE 'UTC')::date AS day
                  FROM socialcron.monitoring_runs WHERE finished_at IS NOT NULL AND total_posts > 0) AS dated
         ORDER BY profile_id, day, finished_at DESC) AS last_of_day
WINDOW earlier AS (PARTITION BY profile_id ORDER BY day);
COMMENT ON VIEW socialcron.profile_growth_per_day IS 'what each monitored profile gained from day to day (UTC)';

CREATE VIEW socialcron.profile_post_growth_per_day AS
SELECT post_id, profile_id, day,
       views, views - lag(views) OVER earlier AS views_gained,
       likes, likes - lag(likes) OVER earlier AS likes_gained,
       shares, shares - lag(shares) OVER earlier AS shares_gained,
       comments, comments - lag(comments) OVER earlier AS comments_gained,
       saves, saves - lag(saves) OVER earlier AS saves_gained
  FROM (SELECT DISTINCT ON (post_id, day) *
          FROM (SELECT *, (read_at AT TIME ZONE 'UTC')::date AS day FROM socialcron.profile_post_metrics) AS dated
         ORDER BY post_id, day, read_at DESC) AS last_of_day
WINDOW earlier AS (PARTITION BY post_id ORDER BY day);
COMMENT ON VIEW socialcron.profile_post_growth_per_day IS 'what each post of a monitored profile gained from day to day (UTC)';
