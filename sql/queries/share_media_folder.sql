-- Files may be put into the folder until this transaction ends, and none is taken out meanwhile.
SELECT pg_advisory_xact_lock_shared(hashtext('socialcron.media_cache'))
