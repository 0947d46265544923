-- Accounts with their encrypted credentials, for a run. Uses the primary key.
SELECT id, platform, handle, external_id, settings, credentials, token_version, status,
       token_expires_at, refresh_expires_at,
       extract(epoch FROM token_expires_at - clock_timestamp())::float8 AS token_seconds_left,
       extract(epoch FROM token_expires_at - refreshed_at)::float8 AS token_lifetime_seconds,
       coalesce(refresh_until > clock_timestamp(), false) AS refreshing,
       coalesce(refreshed_at > clock_timestamp() - interval '1 minute', false) AS just_refreshed
  FROM socialcron.accounts
 WHERE id = ANY(%(account_ids)s)
