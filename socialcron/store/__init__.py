"""Everything that knows PostgreSQL; knows nothing of HTTP."""
