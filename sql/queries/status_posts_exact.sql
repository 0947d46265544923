-- Posts by status, counted; for tables that status_size.sql calls small.
SELECT status, count(*) AS posts, false AS approximate FROM socialcron.posts GROUP BY status
