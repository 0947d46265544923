-- What came while it was paused is passed over.
UPDATE socialcron.recurrences
   SET paused_at = NULL, fill_at = now(), filled_until = greatest(filled_until, now() AT TIME ZONE zone)
 WHERE id = %(recurrence_id)s
