-- Shed the months of `parent` that ended more than `keep_days` ago.
SELECT socialcron.drop_partitions(%(parent)s, now() - make_interval(days => %(keep_days)s)) AS partition
