-- Accounts that cannot post until a person reconnects them.
SELECT id, platform, handle, last_error FROM socialcron.accounts WHERE status = 'needs_reconnect' ORDER BY id LIMIT %(most)s
