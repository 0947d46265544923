-- Accounts, in id order as every multi-row update of them locks; those a run works at this moment need no healing.
SELECT id FROM socialcron.accounts ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
