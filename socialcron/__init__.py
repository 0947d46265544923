"""socialcron: publish posts from PostgreSQL, exactly once in effect, by short-lived cron commands."""

__version__ = "0.1.0"
