-- The hours of an account's week. Uses the primary key.
SELECT weekday, to_char(local_time, 'HH24:MI') AS local_time, zone
  FROM socialcron.queue_slots
 WHERE account_id = %(account_id)s
 ORDER BY weekday, local_time, zone
