-- How far the posts of a recurrence are made. It is looked at again renew_days before the last of them is due, after a
-- day if it could not be worked out, and never if the rule has no more.
UPDATE socialcron.recurrences
   SET filled_until = coalesce(%(last)s, filled_until), last_error = %(error)s,
       fill_at = CASE WHEN %(error)s::text IS NOT NULL THEN now() + interval '1 day'
                      WHEN NOT %(complete)s
                      THEN socialcron.local_moment(coalesce(%(last)s, filled_until), zone) - make_interval(days => %(renew_days)s)
                  END
 WHERE id = %(recurrence_id)s
