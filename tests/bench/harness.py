"""A PostgreSQL of the benchmark's own (fsync on), a sandbox in its own process, measured processes, and the table."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from socialcron.settings import Settings
from socialcron.store import embedded, migrate, secrets
from socialcron.store.engine import Database

# More memory for the load than an embedded server asks for, and fewer checkpoints; every commit is flushed.
SERVER = ("-c", "shared_buffers=512MB", "-c", "max_wal_size=8GB", "-c", "maintenance_work_mem=512MB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `good`: the budget is met; None where there is none."""

    what: str
    measured: str
    floor: str = ""
    ratio: str = ""
    budget: str = ""
    good: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the parts share. `rows`: size of the largest queue."""

    home: Path
    server_url: str
    quick: bool
    rows: int
    key: str = field(default_factory=secrets.new_key)

    @contextmanager
    def database(self, name: str) -> Iterator[Bed]:
        """A migrated database, dropped at the end."""
        with psycopg.connect(self.server_url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}".encode())
        bed = Bed(bench=self, url=conninfo.make_conninfo(self.server_url, dbname=name))
        try:
            with bed.connect() as db:
                migrate.migrate(db)
            yield bed
        finally:
            with psycopg.connect(self.server_url, autocommit=True) as admin:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """One database to measure in, and the environment of processes that use it."""

    bench: Bench
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """Bare: in particular without PYTHONDONTWRITEBYTECODE, under which every run compiles socialcron anew."""
        return {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.url,
            "SOCIALCRON_HOME": str(self.bench.home / "none"),
            "SOCIALCRON_SECRET_KEY": self.bench.key,
            "LOG_LEVEL": "WARNING",
        }

    @contextmanager
    def connect(self) -> Iterator[Database]:
        db = Database.connect(Settings.from_env(self.environment))
        try:
            yield db
        finally:
            db.close()


@contextmanager
def server() -> Iterator[tuple[Path, str]]:
    """Home and URL of an embedded server of our own."""
    home = Path(tempfile.mkdtemp(prefix="socialcron-bench-", dir="/tmp"))
    home.chmod(0o711)  # as root the server runs as another user, who has to get in
    try:
        embedded.create(home, options=SERVER)
        yield home, embedded.url(home)
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def socialcron(*arguments: str) -> list[str]:
    """The command as cron would start it: the script beside this interpreter."""
    return [str(Path(sys.executable).parent / "socialcron"), *arguments]


# A child's peak memory counts from the fork on, so the parent has to be small: this one, not the benchmark.
_LAUNCHER = """
import json, os, sys, time
began = time.monotonic()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - began
print(json.dumps([os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """One whole process. cpu_seconds: user and system. peak_kib: largest resident size."""

    wall_seconds: float
    cpu_seconds: float
    peak_kib: int


def measure(command: Sequence[str], environment: dict[str, str]) -> Usage:
    """Raises RuntimeError when the process does not end with 0."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        env=environment,
        cwd="/tmp",  # no `.env` of a checkout
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.splitlines()
    code, wall, cpu, peak = json.loads(said.pop())
    if code:
        raise RuntimeError(f"{command} ended with {code}: {done.stderr[-2000:]}")
    return Usage(wall, cpu, peak)


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """said: what it printed about itself."""

    control: str
    said: dict[str, Any]

    def ask(self, path: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        with urllib.request.urlopen(urllib.request.Request(self.control + path, data=body)) as answer:
            return json.load(answer)

    def account(self, platform: str, handle: str, **options: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.ask("/accounts", {"platform": platform, "handle": handle, **options})
        return made

    def state(self, platform: str) -> dict[str, Any]:
        state: dict[str, Any] = self.ask(f"/state?platform={platform}")["platforms"][platform]
        return state


@contextmanager
def sandbox_process(command: Sequence[str] = ()) -> Iterator[SandboxProcess]:
    """A sandbox in a process of its own, without rate limits. command: of one that differs."""
    command = command or socialcron("sandbox", "--port", "0", "--no-limits", "--json")
    process = subprocess.Popen(
        command, env={"PATH": os.environ["PATH"]}, cwd="/tmp", stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())["data"]
        yield SandboxProcess(said["control"], said)
    finally:
        process.terminate()
        process.wait()


def say(text: str) -> None:
    """Progress, beside the table."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def table(rows: Sequence[Row]) -> str:
    lines = [("what", "measured", "floor", "ratio", "budget", "")]
    verdicts = {True: "ok", False: "over", None: ""}
    lines += [(r.what, r.measured, r.floor, r.ratio, r.budget, verdicts[r.good]) for r in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def machine(server_url: str) -> str:
    """One line on what this was measured on."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    with psycopg.connect(server_url) as connection:
        postgres = connection.info.parameter_status("server_version")
        settings = connection.execute(
            "SELECT string_agg(name || '=' || current_setting(name), ', ' ORDER BY name) FROM pg_settings"
            " WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers')"
        ).fetchone()
    assert settings is not None
    return (
        f"{len(names)} x {names[0] if names else platform.machine()}, {memory:.0f} GiB, {platform.system()};"
        f" Python {platform.python_version()}, psycopg {version('psycopg')}; PostgreSQL {postgres} ({settings[0]});"
        f" load average {os.getloadavg()[0]:.1f} at the end"
    )
