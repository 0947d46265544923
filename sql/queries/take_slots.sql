-- Our own pace (GCRA), one autocommit statement before the calls: take `slots` from a bucket, or none.
-- No row: the bucket is full; wait. Rate and burst together stay within what was promised. Not refunded.
INSERT INTO socialcron.rate_limits AS r (key, platform, family, tat)
VALUES (%(key)s, %(platform)s, %(family)s, clock_timestamp() + %(slots)s * make_interval(secs => %(seconds_per_slot)s))
ON CONFLICT (key) DO UPDATE
   SET tat = greatest(r.tat, clock_timestamp()) + %(slots)s * make_interval(secs => %(seconds_per_slot)s)
 WHERE greatest(r.tat, clock_timestamp()) + %(slots)s * make_interval(secs => %(seconds_per_slot)s)
       <= clock_timestamp() + %(burst)s * make_interval(secs => %(seconds_per_slot)s)
RETURNING tat
