-- What collect-metrics would find due, by account. Uses metric_schedules_due_idx. Claims nothing.
SELECT a.platform, s.account_id, count(*)::integer AS posts
  FROM socialcron.metric_schedules AS s
  JOIN socialcron.accounts AS a ON a.id = s.account_id
 WHERE s.next_at <= now() AND a.status = 'active'
   AND (%(platforms)s::text[] IS NULL OR a.platform = ANY(%(platforms)s))
 GROUP BY a.platform, s.account_id
 ORDER BY posts DESC, s.account_id
 LIMIT %(batch_size)s
