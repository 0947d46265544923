"""Children forked from a warmed parent, and the tripwire that kills one, or loses it an answer, at its n-th call.

Product code has no hooks for this. In the child, psycopg's and the HTTP client's one place of execution are replaced
by ones that count: every statement (BEGIN and COMMIT included), every connection, and every HTTP exchange is a call.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import re
import shutil
import signal
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn

import httpx
import psycopg

from socialcron.model import Wait
from socialcron.platforms import http as http_layer
from socialcron.platforms import registry
from socialcron.platforms.http import Answer, Http, Session
from socialcron.store import engine, sqlfiles

# before, after: SIGKILL.  lost: done, but the answer is not heard.  never: it did not arrive, which looks the same.
# freeze, freeze after: SIGSTOP.  cut: from here on there is no database.
Harm = Literal["before", "after", "lost", "never", "freeze", "freeze after", "cut"]
HARMS: tuple[Harm, ...] = ("before", "after", "lost", "never")
CHILD_SECONDS = 30  # a child that takes longer hangs

_WARM = (
    "socialcron.cli",
    "socialcron.batches.post_due",
    "socialcron.batches.probing",
    "socialcron.batches.publishing",
    "socialcron.batches.recovery",
    "socialcron.batches.settling",
    "socialcron.commands.post_due",
    "socialcron.commands.reset_stuck",
    "socialcron.store.secrets",
    "socialcron.store.tokens",
    "oauthlib.oauth1",
    "tenacity",
    "twitter_text",
)


@dataclass(frozen=True, slots=True)
class Trap:
    """Do `harm` at call number `at` (1-based), or at the first call whose name matches the pattern `at`."""

    at: int | str
    harm: Harm

    def springs(self, number: int, name: str) -> bool:
        return number == self.at if isinstance(self.at, int) else re.search(self.at, name) is not None

    def __str__(self) -> str:
        return f"{self.at}-{self.harm}"


@dataclass(frozen=True, slots=True)
class Ended:
    """exit_code is negative for a signal. calls: names in order, as far as the child came. log: stdout and stderr."""

    exit_code: int
    calls: tuple[str, ...]
    log: str

    @property
    def data(self) -> dict[str, Any]:
        """`data` of the document that --json prints last on stdout."""
        lines = [line for line in self.log.splitlines() if line.startswith('{"schema"')]
        data: dict[str, Any] = json.loads(lines[-1])["data"]
        return data


@dataclass(slots=True)
class Child:
    """A running command. Wait for each one, or its directory stays behind."""

    pid: int
    place: Path

    def wait_until_frozen(self) -> None:
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it ended instead: {self._ended(status)}"

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        _, status = os.waitpid(self.pid, 0)
        return self._ended(status)

    def poll(self) -> Ended | None:
        """None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return self._ended(status) if pid else None

    def _ended(self, status: int) -> Ended:
        calls = self.place / "calls"
        ended = Ended(
            exit_code=os.waitstatus_to_exitcode(status),
            calls=tuple(calls.read_text().splitlines()) if calls.exists() else (),
            log=(self.place / "log").read_text(errors="replace"),
        )
        shutil.rmtree(self.place)
        return ended


@cache
def warm() -> ssl.SSLContext:
    """Import what a run needs, so that children need not. Returns what takes 40 ms to make, twice in a run."""
    for name in _WARM:
        importlib.import_module(name)
    for name in registry.names():
        registry.adapter(name)
    return httpx.create_ssl_context()


def run(arguments: Sequence[str], environment: Mapping[str, str], trap: Trap | None = None) -> Ended:
    """Run one command in a child and wait for its end."""
    return start(arguments, environment, trap).wait()


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    trap: Trap | None = None,
    *,
    patch: Callable[[], None] | None = None,
) -> Child:
    """Fork a child that runs one command. `patch` is called in it first."""
    warm()
    place = Path(tempfile.mkdtemp(prefix="chaos-"))
    (place / "log").touch()
    pid = os.fork()
    if not pid:
        _be_child(arguments, environment, place, trap, patch)
    return Child(pid, place)


def _be_child(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    place: Path,
    trap: Trap | None,
    patch: Callable[[], None] | None,
) -> NoReturn:
    code = 70
    try:
        log = os.open(place / "log", os.O_WRONLY | os.O_APPEND)
        for number in (1, 2):
            os.dup2(log, number)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False, buffering=1) for number in (1, 2))  # noqa: SIM115
        faulthandler.dump_traceback_later(CHILD_SECONDS, exit=True, file=log)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(place)
        _Tripwire(trap, os.open(place / "calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)).install()
        if patch is not None:
            patch()
        from socialcron.cli import main

        code = main(arguments)
    except BaseException as exc:
        with suppress(BaseException):
            sys.excepthook(type(exc), exc, exc.__traceback__)
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class _Tripwire:
    def __init__(self, trap: Trap | None, record: int) -> None:
        self._trap = trap
        self._record = record
        self._count = 0
        self._sprung = False
        self._writing = threading.local()  # this thread makes something visible
        self._lock = threading.Lock()  # HTTP calls come from worker threads

    def install(self) -> None:
        for module in (httpx, httpx._transports.default):
            self._replace(module, "create_ssl_context", lambda *_, **__: warm())
        self._replace(engine.Connection, "connect", self._connect)
        self._replace(psycopg.Cursor, "execute", self._execute)
        self._replace(Http, "exchange", self._exchange)
        self._replace(Session, "write", self._write)
        for name in registry.names():
            kind: Any = type(registry.adapter(name))
            self._replace(kind, "prepare", self._prepare)
            if name == "stub":  # its one effect is a log line
                self._replace(kind, "send_step", self._send_stub)

    @staticmethod
    def _replace(owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return wrapper(original, *args, **kwargs)

        setattr(owner, name, call)

    def _connect(self, connect: Any, *args: Any, **kwargs: Any) -> Any:
        def close(connection: Any) -> None:
            if connection is not None:
                connection.close()

        return self._call("db connect", lambda: connect(*args, **kwargs), close, psycopg.OperationalError)

    def _execute(self, execute: Any, cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        def close(_: Any) -> None:
            cursor.connection.pgconn.finish()

        name = f"db {_name_of(query)}"
        return self._call(
            name, lambda: execute(cursor, query, *args, **kwargs), close, psycopg.OperationalError
        )

    def _write(self, write: Any, *args: Any, **kwargs: Any) -> Any:
        self._writing.on = True
        try:
            return write(*args, **kwargs)
        finally:
            self._writing.on = False

    def _exchange(self, exchange: Any, http: Http, request: httpx.Request, deadline: float) -> Any:
        # The shapes a lost answer has; which of them, the number of the call says.
        shapes: list[Callable[[str], Exception]] = [
            httpx.ReadError,
            httpx.ReadTimeout,
            httpx.RemoteProtocolError,
        ]
        shape = shapes[self._count % len(shapes)]

        def half(answer: Answer | None) -> Answer | None:
            """Every fourth time the head arrives and the body breaks off."""
            if answer is not None and self._count % 4 == 0:
                return replace(answer, body=b"", broken="the answer broke off (test)")
            return None

        def perform() -> Any:
            answer = exchange(http, request, deadline)
            assert http_layer._exchange.started
            return answer

        kind = "write" if getattr(self._writing, "on", False) else "http"
        return self._call(f"{kind} {request.method} {_path_of(request)}", perform, half, shape)

    def _send_stub(self, send: Any, *args: Any) -> Any:
        return self._call("write stub", lambda: send(*args), None, None)

    @staticmethod
    def _prepare(prepare: Any, *args: Any) -> Any:
        """Processing of media takes seconds; nothing here depends on it."""
        result = prepare(*args)
        return replace(result, seconds=0.01) if isinstance(result, Wait) else result

    def _call(
        self,
        name: str,
        perform: Callable[[], Any],
        lose: Callable[[Any], Any] | None,
        error: Callable[[str], Exception] | None,
    ) -> Any:
        with self._lock:
            self._count += 1
            os.write(self._record, f"{name}\n".encode())
            trap = self._trap
            harm = trap.harm if trap and not self._sprung and trap.springs(self._count, name) else None
            self._sprung |= harm is not None
        if self._sprung and self._trap and self._trap.harm == "cut" and name.startswith("db "):
            harm = "never"
        if harm in _BEFORE:
            _stop(_BEFORE[harm])
        result = None if harm == "never" else perform()
        if harm in _AFTER:
            _stop(_AFTER[harm])
        if harm in ("lost", "never") and error is not None:
            instead = lose(result) if lose else None
            if instead is not None:
                return instead
            raise error("lost by the test")
        return result


def _stop(number: int) -> None:
    """By way of this very thread: one that stops the process by way of another may get a little further."""
    signal.pthread_kill(threading.get_ident(), number)


_BEFORE: dict[Harm | None, int] = {"before": signal.SIGKILL, "freeze": signal.SIGSTOP}
_AFTER: dict[Harm | None, int] = {"after": signal.SIGKILL, "freeze after": signal.SIGSTOP}


@cache
def _names() -> dict[bytes, str]:
    return {path.read_bytes(): path.stem for path in (sqlfiles.root() / "queries").glob("*.sql")}


def _name_of(query: Any) -> str:
    text = (query if isinstance(query, bytes) else str(query).encode()).removeprefix(engine.LIMITS)
    return _names().get(text) or text.split(b";")[0].decode()[:60]


def _path_of(request: httpx.Request) -> str:
    """Without ids, so that a failure reads the same in every run."""
    parts = request.url.path.split("/")[2:]
    return "/" + "/".join("ID" if len(part) > 9 and part.isdigit() else part for part in parts)
