-- A rule by which some content comes again on an account. Its posts are made by add_occurrences.sql.
INSERT INTO socialcron.recurrences (content_id, account_id, rrule, starts_at, zone, priority, max_attempts)
VALUES (%(content_id)s, %(account_id)s, %(rrule)s, %(starts_at)s, %(zone)s, %(priority)s, %(max_attempts)s)
RETURNING id, account_id, rrule, starts_at, filled_until, now() AT TIME ZONE zone AS local_now
