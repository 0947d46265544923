-- Give posts that came out since the last run their first slot; posts older than the ladder are not read.
-- Uses metric_schedules_due_idx. slots: seconds after posting at which a post is read, ascending. ends_after: of the ladder.
UPDATE socialcron.metric_schedules
   SET next_at = CASE WHEN posted_at > now() - make_interval(secs => %(ends_after)s)
                      THEN posted_at + make_interval(secs => (%(slots)s::float8[])[1]) END
 WHERE next_at <= now()
   AND (next_at = posted_at AND posted_at + make_interval(secs => (%(slots)s::float8[])[1]) > now()
        OR posted_at <= now() - make_interval(secs => %(ends_after)s))
