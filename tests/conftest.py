"""Shared fixtures: a fresh, migrated database per test, and the command line run in-process.

One server for the whole session, shared by the xdist workers: the embedded one, made on first use, or the server
named by SOCIALCRON_TEST_DATABASE_URL (its role needs CREATEDB). The template is built once by `sql/migrations`; each
test gets a copy of it, dropped afterwards. With SOCIALCRON_TEST_POOLER=1 it is reached through a PgBouncer in
transaction mode, one for each worker, but by tests marked `direct`.

    database_url   URL of this test's own database
    db             a connected Database
    settings       Settings for that database, with a fresh key
    cli            cli("posts", "list", "--json") -> Ran(exit_code, stdout, stderr, data, error)
    environment    the variables that `cli` sets, for tests that start real processes
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo, sql

from socialcron.cli import main
from socialcron.settings import Settings
from socialcron.store import embedded, migrate, secrets
from socialcron.store.engine import Database
from tests.world import sandbox, world  # noqa: F401  fixtures

EXTERNAL = "SOCIALCRON_TEST_DATABASE_URL"
POOLER = "SOCIALCRON_TEST_POOLER"
RUN_HOME = "SOCIALCRON_TEST_RUN_HOME"  # set by the controller for its workers
PREFIX = "socialcron-tests-"

# Only the test server may lose data on power loss.
UNSAFE = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "direct: a pooler would be in its way; the reason")
    # A shell starts its background jobs with Ctrl-C ignored, and so would be every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        return
    _remove_leftovers()
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
    home.chmod(0o711)  # as root the server runs as another user, who has to get in
    os.environ[RUN_HOME] = str(home)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _remove(Path(os.environ.pop(RUN_HOME)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted, also in xdist's workers: `record_property("summary", {"title": ..., "tries": 3, ...})`.

    Numbers under the same title are added up.
    """
    lines: dict[str, Counter[str]] = {}
    for report in (report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, [])):
        for name, counted in report.user_properties:
            if name == "summary":
                title = counted["title"]
                lines.setdefault(title, Counter()).update({k: v for k, v in counted.items() if k != "title"})
    for title, counts in sorted(lines.items()):
        terminalreporter.write_line(f"{title}: {', '.join(f'{n} {what}' for what, n in counts.items())}")


def _remove_leftovers() -> None:
    """Servers of test runs that were killed."""
    for home in Path("/tmp").glob(f"{PREFIX}*"):
        with suppress(ValueError, OSError):
            pid = int(home.name.removeprefix(PREFIX).split("-")[0])
            if home.stat().st_uid == os.geteuid() and not Path(f"/proc/{pid}").exists():
                _remove(home)


def _remove(home: Path) -> None:
    if os.environ.get(EXTERNAL):
        _drop_all(os.environ[EXTERNAL], _run_name(home))
    embedded.stop(home)
    shutil.rmtree(home, ignore_errors=True)


def _run_name(home: Path) -> str:
    """What the names of all databases of one run begin with."""
    return "test_" + home.name.removeprefix(PREFIX).replace("-", "_").lower()


@contextmanager
def _admin(server_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


def _drop_all(server_url: str, prefix: str) -> None:
    with _admin(server_url) as admin:
        for (name,) in admin.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (prefix,)
        ):
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _url_of(server_url: str, database: str) -> str:
    return conninfo.make_conninfo(server_url, dbname=database)


@pytest.fixture(scope="session")
def server_url() -> str:
    """The server of this session, with the template in it."""
    home = Path(os.environ[RUN_HOME])
    with (home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        url = os.environ.get(EXTERNAL)
        if not url:
            embedded.create(home, options=UNSAFE)
            url = embedded.url(home)
        template = _run_name(home) + "_template"
        with _admin(url) as admin:
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (template,)).fetchone():
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(template)))
                database = Database.connect(Settings.from_env({"DATABASE_URL": _url_of(url, template)}))
                try:
                    migrate.migrate(database)
                except BaseException:
                    database.close()
                    admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(template)))
                    raise
                database.close()
    return url


@contextmanager
def _fresh_database(server_url: str, template: str) -> Iterator[str]:
    name = f"{_run_name(Path(os.environ[RUN_HOME]))}_{uuid4().hex[:12]}"
    identifiers = sql.Identifier(name), sql.Identifier(template)
    with _admin(server_url) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*identifiers))
    yield _url_of(server_url, name)
    with _admin(server_url) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifiers[0]))


@pytest.fixture(scope="session")
def pooler_url(server_url: str) -> Iterator[str | None]:
    """Where this worker's pooler listens; None unless asked for."""
    if not os.environ.get(POOLER):
        yield None
        return
    from tests.integration.pgbouncer import transaction_pooler

    with transaction_pooler(server_url) as url:
        yield url


@pytest.fixture
def direct_url(server_url: str) -> Iterator[str]:
    """A database of this test's own, migrated, without a pooler in between."""
    with _fresh_database(server_url, _run_name(Path(os.environ[RUN_HOME])) + "_template") as url:
        yield url


@pytest.fixture
def database_url(direct_url: str, pooler_url: str | None, request: pytest.FixtureRequest) -> str:
    """A database of this test's own, migrated."""
    return _by_way_of(pooler_url, direct_url, request)


@pytest.fixture
def another_database_url(server_url: str) -> Iterator[str]:
    """A second one beside `database_url`, migrated."""
    with _fresh_database(server_url, _run_name(Path(os.environ[RUN_HOME])) + "_template") as url:
        yield url


@pytest.fixture
def empty_database_url(
    server_url: str, pooler_url: str | None, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database of this test's own, without the schema."""
    with _fresh_database(server_url, "template1") as url:
        yield _by_way_of(pooler_url, url, request)


def _by_way_of(pooler_url: str | None, url: str, request: pytest.FixtureRequest) -> str:
    if pooler_url is None or request.node.get_closest_marker("direct"):
        return url
    return _url_of(pooler_url, str(conninfo.conninfo_to_dict(url)["dbname"]))


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "SOCIALCRON_HOME": str(tmp_path / "home"),
        "SOCIALCRON_SECRET_KEY": secrets.new_key(),
        "SOCIALCRON_MEDIA_ROOT": str(tmp_path),
        "LOG_FORMAT": "json",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.from_env(environment)


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    database = Database.connect(settings)
    yield database
    database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command did. data and error: of the `--json` document, None without one."""

    exit_code: int
    stdout: str
    stderr: str
    data: Any
    error: Any


Cli = Callable[..., Ran]


def runner(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        exit_code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        document: dict[str, Any] = json.loads(out) if "--json" in arguments else {}
        return Ran(
            exit_code=exit_code,
            stdout=out,
            stderr=err,
            data=document.get("data"),
            error=document.get("error"),
        )

    return run


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No setting of the host reaches the test, and no `.env` of the checkout."""
    from dataclasses import fields

    for spec in fields(Settings):
        monkeypatch.delenv(spec.metadata["env"], raising=False)
        monkeypatch.delenv(spec.metadata["env"] + "_FILE", raising=False)
    monkeypatch.setenv("SOCIALCRON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def cli(
    clean_environment: pytest.MonkeyPatch, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Runs a command in-process against this test's database; the working directory is tmp_path."""
    for name, value in environment.items():
        clean_environment.setenv(name, value)
    return runner(capsys)


@pytest.fixture
def bare_cli(clean_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The same without any setting but SOCIALCRON_HOME, which is an empty place."""
    return runner(capsys)


def require_program(name: str) -> str:
    """Path of a Debian program; skips the test where it is missing, which `.ci/run` forbids."""
    return shutil.which(name) or skip(f"needs the program {name}")


def skip(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("SOCIALCRON_TEST_NO_SKIPS"):
        pytest.fail(reason)
    pytest.skip(reason)
