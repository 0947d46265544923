"""The floor of the stub: claim and complete each due post, two durable commits apiece, and nothing else."""

from __future__ import annotations

import os

import psycopg

CLAIM = """
UPDATE socialcron.posts SET status = 'processing', attempt = attempt + 1 WHERE id = ANY(ARRAY(
    SELECT id FROM socialcron.posts WHERE account_id = %s AND ready_at <= now() ORDER BY ready_at, id LIMIT 1
    FOR UPDATE SKIP LOCKED)) RETURNING id
"""
COMPLETE = "UPDATE socialcron.posts SET status = 'posted', posted_at = clock_timestamp() WHERE id = %s"

with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=None) as connection:
    for (account,) in connection.execute("SELECT id FROM socialcron.accounts").fetchall():
        while row := connection.execute(CLAIM, (account,)).fetchone():
            connection.execute(COMPLETE, row)
