-- Forget runs that nobody looks at any more; heartbeats stay. Not indexed by time alone: this is for the night.
DELETE FROM socialcron.runs WHERE NOT idle AND started_at < now() - make_interval(days => %(keep_days)s)
