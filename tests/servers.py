"""A PostgreSQL of a test's own, to be stopped, crashed, copied and cut off: what the shared one may not suffer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg import conninfo

from socialcron.store import embedded
from tests.conftest import PREFIX, UNSAFE


@contextmanager
def home_folder() -> Iterator[Path]:
    """An empty SOCIALCRON_HOME; a server in it is stopped at the end."""
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
    home.chmod(0o711)  # as root the server runs as another user, who has to get in
    try:
        yield home
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


@contextmanager
def private_server(*options: str) -> Iterator[Path]:
    """The home of a running server. options: further `-c name=value` arguments."""
    with home_folder() as home:
        embedded.create(home, options=(*UNSAFE, *options))
        yield home


def data_folder(home: Path) -> Path:
    return (home / "postgres" / "data").resolve()


def stop(home: Path, *, crash: bool = False) -> None:
    """crash: as if the power had gone; else open transactions are rolled back."""
    if not crash:
        embedded.stop(home)
        return
    data = data_folder(home)
    pid = int((data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    while _works_in(pid, data):
        time.sleep(0.01)


def start(home: Path) -> None:
    embedded.start_if_down(home, options=UNSAFE)


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process is alive, and PostgreSQL: a zombie has no working directory."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except OSError:
        return False


class Standby:
    """A streaming replica of the server under `primary`, kept under `home`."""

    def __init__(self, primary: Path, home: Path) -> None:
        hba = data_folder(primary) / "pg_hba.conf"
        hba.write_text(hba.read_text() + "local replication all peer map=socialcron\n")
        self.home = home
        self._server = embedded._Server.at(home, create=True)
        data = str(data_folder(home))
        source = str(conninfo.conninfo_to_dict(embedded.url(primary))["host"])
        embedded._Server.at(primary)._run("pg_ctl", "reload", "-s", "-D", str(data_folder(primary)))
        self._server._run(
            "pg_basebackup",
            *("-D", data, "-h", source, "-U", "postgres"),
            *("-R", "-X", "stream", "-c", "fast"),
        )
        socket_folder = str(self._server._socket_dir())
        self._server._run(
            "pg_ctl",
            *("start", "-w", "-s", "-D", data, "-l", str(self._server.directory / "log")),
            *("-o", f"-k {socket_folder} {' '.join(UNSAFE)}"),
        )
        self.url = embedded.url(home)

    def promote(self) -> None:
        self._server._run("pg_ctl", "promote", "-w", "-s", "-D", str(data_folder(self.home)))


class Proxy:
    """A TCP port that leads to a server's socket, until it swallows what passes or cuts the connections."""

    def __init__(self, database_url: str) -> None:
        params = conninfo.conninfo_to_dict(database_url)
        self._target = f"{params['host']}/.s.PGSQL.{params.get('port') or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.swallows = False
        self.url = conninfo.make_conninfo(
            database_url, host="127.0.0.1", port=self._listener.getsockname()[1], sslmode="disable"
        )
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while some := source.recv(65536):
                if not self.swallows:
                    target.sendall(some)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
