-- Nobody puts a file into the folder until this transaction ends.
SELECT pg_advisory_xact_lock(hashtext('socialcron.media_cache'))
