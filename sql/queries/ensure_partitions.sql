-- Make sure that what is about to be written has a month to go to; next month's, too, so that the 1st finds it there.
SELECT socialcron.ensure_partitions(%(parent)s, %(earliest)s, now(), now() + interval '1 month')
