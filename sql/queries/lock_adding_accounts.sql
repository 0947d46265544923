-- One adding of accounts at a time: handles have no unique index, because servers of one platform share them.
SELECT pg_advisory_xact_lock(hashtextextended('socialcron.accounts.add', 0))
