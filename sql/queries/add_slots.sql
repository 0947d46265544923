-- Hours of an account's week. weekday: 1 is Monday.
INSERT INTO socialcron.queue_slots (account_id, weekday, local_time, zone)
SELECT %(account_id)s, weekday, local_time, %(zone)s
  FROM unnest(%(weekdays)s::smallint[], %(times)s::time[]) AS slot (weekday, local_time)
