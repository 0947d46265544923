"""A PgBouncer in transaction mode in front of a server of tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import conninfo

from tests.conftest import require_program

SERVERS = 3  # connections to each database, however many clients there are: they share


@contextmanager
def transaction_pooler(database_url: str, *, mode: str = "transaction") -> Iterator[str]:
    """Yields a URL for the same database through the pooler, which lets in to all others of that server, too.

    Skips where PgBouncer is not installed.
    """
    program = require_program("pgbouncer")
    server = conninfo.conninfo_to_dict(database_url)
    directory = Path(tempfile.mkdtemp(prefix="socialcron-pooler-", dir="/tmp"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = directory / "pgbouncer.ini"
    config.write_text(
        f"""[databases]
* = host={server["host"]} port={server.get("port") or 5432} user={server["user"]}
[pgbouncer]
pool_mode = {mode}
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
default_pool_size = {SERVERS}
max_client_conn = 500
server_login_retry = 1
"""
    )
    # It refuses to run as root; the owner of the server's socket directory may enter that.
    uid = None
    if os.geteuid() == 0:
        host = Path(str(server["host"]))
        uid = host.stat().st_uid if host.is_absolute() else pwd.getpwnam("nobody").pw_uid
        os.chown(directory, uid, -1)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([program, config], stderr=log, user=uid)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                raise AssertionError((directory / "log").read_text())
        url = f"postgresql://{server['user']}@127.0.0.1:{port}/{server['dbname']}"
        if mode == "transaction":
            _assert_transaction_mode(url)
        yield url
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(directory)


def _assert_transaction_mode(url: str) -> None:
    """One client's next transaction is on another server connection, where what it SET is not known."""
    with psycopg.connect(url, autocommit=True) as client, psycopg.connect(url, autocommit=True) as other:
        before = client.execute("SELECT pg_backend_pid()").fetchone()
        client.execute("SET lock_timeout = '77s'")
        with other.transaction():
            assert other.execute("SELECT pg_backend_pid(), current_setting('lock_timeout')").fetchone() == (
                *(before or ()),
                "77s",
            )
            assert client.execute("SELECT pg_backend_pid()").fetchone() != before
            assert client.execute("SHOW lock_timeout").fetchone() == ("0",)
