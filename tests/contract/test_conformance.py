"""What every platform must do, whatever it speaks: one suite over the registry.

A new platform joins with the `SAMPLE` of its contract test.
"""

from __future__ import annotations

import atexit
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.batches.reading import BURST
from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Unavailable,
    UsageError,
)
from socialcron.model import Accepted, Account, Closed, Confirmed, Gone, Media, PreparedStep, Reading, Step
from socialcron.platforms import registry
from socialcron.platforms.base import Adapter, App
from socialcron.platforms.http import REFUSALS, Answer, Http, Session
from tests.contract.sample import TID, Sample

SENT_AT = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
FEATURES = {"media", "alt_text", "link", "thread", "first_comment", "poll", "thumbnail"}


SAMPLES: Mapping[str, Sample] = {
    name: import_module(f"tests.contract.test_{name}").SAMPLE for name in registry.names() if name != "stub"
}
FOLDER = Path(tempfile.mkdtemp(prefix="socialcron-contract-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
APP = App(client_id="secret-client-id", client_secret="secret-client")
EVERY = pytest.mark.parametrize("name", registry.names())
WIRED = pytest.mark.parametrize("name", SAMPLES)
NAMED = pytest.mark.parametrize(
    "name", [name for name, sample in SAMPLES.items() if not sample.names_it_later]
)
MEASURED = pytest.mark.parametrize("name", [name for name in SAMPLES if registry.declaration(name).metrics])
COUNTS = ("views", "likes", "comments", "shares", "saves")
ONE_QUOTA = {"facebook", "instagram", "threads"}  # one for every call: a reading may be what used it up
REFRESHED = pytest.mark.parametrize("name", [name for name, sample in SAMPLES.items() if sample.renewable])

HUGE = b'{"id": "1", "data": {"id": "1"}, "pad": "' + b"x" * 10_000_000 + b'"}'
UNUSABLE = {
    "empty": b"",
    "html": b"<!doctype html><title>502 Bad Gateway</title>",
    "truncated": b'{"id": "19',
    "null": b"null",
    "text": b'"ok"',
    "number": b"5",
    "list": b"[]",
    "object": b"{}",
    "empty id": b'{"id": "", "uri": "", "cid": "", "data": {"id": ""}}',
    "null id": b'{"id": null, "uri": null, "data": null}',
    "list id": b'{"id": [], "uri": {}, "data": []}',
    "deep": b"[" * 200_000,
    "not utf-8": b'{"id": "\xff\xfe"',
    "huge": HUGE,
}
BODY = pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE)


def account(name: str, base_url: str = "https://platform.example") -> Account:
    settings = {**SAMPLES[name].settings, "base_url": base_url} if name in SAMPLES else {"base_url": base_url}
    return Account(id=41, platform=name, handle="me.example", settings=settings)


class Platform:
    """One adapter before a server that gives every request the same answer."""

    def __init__(self, name: str, answer: httpx.Response | Exception | None = None) -> None:
        self.name, self.sample = name, SAMPLES[name]
        self.adapter: Adapter = registry.adapter(name)
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.http = Http(transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer

    def session(self, **credentials: str) -> Session:
        return self.adapter.connect(
            account(self.name), {**self.sample.credentials, **credentials}, APP, self.http
        )

    def media(self, folder: Path) -> Media:
        file_name, mime_type = self.sample.attachment
        path = folder / file_name
        path.write_bytes(self.sample.file_bytes or b"bytes")
        return Media(
            source=file_name,
            alt="a cat" if "alt_text" in self.adapter.declaration.features else None,
            url=f"https://media.example/{file_name}",
            path=path,
            mime_type=mime_type,
            size_bytes=path.stat().st_size,
        )

    @property
    def step(self) -> PreparedStep:
        media: tuple[Media, ...] = ()
        if self.sample.file_bytes is not None:
            media = (self.media(FOLDER),)
        return PreparedStep(
            number=0,
            kind="post",
            key=TID,
            request=self.sample.request,
            media=media,
            handles=self.sample.handles,
            first_sending_at=SENT_AT,
            sends=1,
        )


def failed(platform: Platform, session: Session) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        platform.adapter.send_step(platform.step, session)
    assert (
        sum(request.method != "GET" for request in platform.requests) == 1
    )  # it may ask for the id after that
    return clean(caught.value, platform.name)


def clean(error: PlatformError, name: str) -> PlatformError:
    """The error names platform and account, and no secret is anywhere in it."""
    words = f"{error} {error!r} {error.hint} {error.__cause__} {error.__cause__!r}"
    assert "secret" not in words
    assert f"{name} account 'me.example' (id 41)" in str(error)
    return error


# --- the registry ------------------------------------------------------------------------------------------


def test_registry__imports_one_adapter_and_only_when_asked() -> None:
    program = (
        "import sys; from socialcron.platforms import registry; registry.names(); "
        "print('httpx' in sys.modules); registry.adapter('x'); "
        "print(sorted(m for m in sys.modules if m.rpartition('.')[2] in registry.names() "
        "and m.startswith('socialcron.platforms.')), 'twitter_text' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["False", "['socialcron.platforms.x'] False"]


def test_registry__an_unknown_platform_is_told_the_known_ones() -> None:
    for ask in (registry.adapter, registry.declaration):
        with pytest.raises(UsageError, match="'myspace'") as caught:
            ask("myspace")
        assert caught.value.hint == f"Known platforms: {', '.join(registry.names())}."


def test_registry__is_in_order() -> None:
    assert list(registry.names()) == sorted(registry.names())


# --- declarations ------------------------------------------------------------------------------------------


@EVERY
def test_declaration__limits_have_a_source_and_a_date(name: str) -> None:
    declared = registry.declaration(name)
    assert declared.name == name
    assert declared.title
    assert bool(declared.limits) is (name != "stub")
    for limit in declared.limits:
        assert limit.source.startswith("https://")
        assert date(2026, 1, 1) <= date.fromisoformat(limit.date) <= date(2026, 12, 31)
        assert limit.value > 0
        assert limit.unit
        assert declared.limit(limit.name) == limit.value
    assert len({limit.name for limit in declared.limits}) == len(declared.limits)
    assert declared.features <= FEATURES
    assert all(declared.settings.values())


@EVERY
def test_declaration__the_means_of_settling_are_consistent(name: str) -> None:
    declared = registry.declaration(name)
    assert (declared.key_ttl_seconds is not None) is (declared.reconcile == "key")
    if declared.reconcile == "key":
        assert declared.key_ttl_seconds is not None
        assert declared.key_ttl_seconds > 600
    if declared.reconcile in ("key", "listing"):
        assert declared.settle_seconds >= 120
    assert declared.handle_ttl_seconds > 0


@WIRED
def test_declaration__credentials_say_what_they_need(name: str) -> None:
    platform = Platform(name)
    for form in platform.adapter.declaration.credentials:
        assert form.name
        assert form.required
        assert not set(form.required) & set(form.optional)
        # Only where an app acts for a person is there an app to name.
        by_app = platform.adapter.declaration.authorization is not None
        assert ({"client_id", "client_secret"} <= set(form.optional)) is by_app
    with pytest.raises(AuthExpired) as caught:
        platform.adapter.connect(account(name), {}, APP, platform.http)
    clean(caught.value, name)
    assert not platform.adapter.can_refresh({})
    assert platform.adapter.can_refresh(platform.sample.renewable or {}) is bool(platform.sample.renewable)


# --- before the network ------------------------------------------------------------------------------------


@EVERY
def test_choose_key__follows_from_the_seed_alone(name: str) -> None:
    adapter = registry.adapter(name)
    keys = [adapter.choose_key(bytes([n]) * 32, SENT_AT, 0) for n in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]
    assert re.fullmatch(r"[\w.~:-]{8,100}", keys[0])


@WIRED
def test_validate__names_the_field_the_measured_value_and_the_limit(name: str, tmp_path: Path) -> None:
    platform = Platform(name)
    options, settings = platform.sample.options, platform.sample.settings
    one = platform.media(tmp_path)
    long = Step(number=0, kind="post", text="a" * 70_000, media=(one,), options=options)
    if text := [p for p in platform.adapter.validate([long], settings) if p.field == "text"]:
        assert "70000" in text[0].message
        assert len(re.findall(r"\d+", text[0].message)) >= 2
    else:
        assert not any(limit.name == "text" for limit in platform.adapter.declaration.limits)
    many = Step(number=0, kind="post", text="a", media=(one,) * 99, options=options)
    if too_many := platform.adapter.validate([many], settings):
        assert too_many[0].field == "media"
        assert re.search(r"\b99\b.*\b\d+\b", too_many[0].message)
    else:
        assert not any(limit.name in ("media", "images") for limit in platform.adapter.declaration.limits)


@EVERY
def test_validate__refuses_emptiness_and_accepts_a_plain_post(name: str, tmp_path: Path) -> None:
    adapter = registry.adapter(name)
    assert adapter.validate([Step(number=0, kind="post", text=" ")], {})
    if name == "stub":
        assert adapter.validate([Step(number=0, kind="post", text="Hello")], {}) == []
        return
    platform = Platform(name)
    settings, options = platform.sample.settings, platform.sample.options
    if platform.sample.plain:
        assert adapter.validate([platform.sample.plain], settings) == []
    media = platform.media(tmp_path)
    unfetched = Media(source=media.url or "", alt=media.alt, url=media.url)
    for item in (media, unfetched):
        step = Step(number=0, kind="post", text="Hello", media=(item,), options=options)
        assert adapter.validate([step], settings) == []


# --- the visible write -------------------------------------------------------------------------------------


def created(sample: Sample) -> httpx.Response:
    status, body = sample.created
    return httpx.Response(status, json=body, headers=dict(sample.created_headers))


@WIRED
def test_send_step__sends_the_stored_request_once_and_the_same_each_time(name: str) -> None:
    platform = Platform(name, created(SAMPLES[name]))
    for _ in range(2):
        confirmed = platform.adapter.send_step(platform.step, platform.session())
        if platform.sample.names_it_later:
            assert isinstance(confirmed, Accepted)
            continue
        assert isinstance(confirmed, Confirmed)
        assert confirmed.remote_id
        assert confirmed.url is None or confirmed.url.startswith("https://")
    # A permalink may be asked for afterwards.
    first, second = [request for request in platform.requests if request.method != "GET"]
    assert (first.method, first.url, first.content) == (second.method, second.url, second.content)
    if platform.sample.body is not None:
        assert platform.sample.body(first) == platform.sample.request


@WIRED
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"err', b"{}", b"[]", b'{"error": 5, "errors": [null]}'])
def test_send_step__every_error_status_is_classified(name: str, body: bytes) -> None:
    for status in (*range(300, 309), *range(400, 600)):
        platform = Platform(name, httpx.Response(status, content=body))
        session = platform.session()
        error = failed(platform, session)
        if status in REFUSALS:
            assert session.visible == "refused", status
            assert not isinstance(error, OutcomeUnknown | Unavailable), status
        else:
            assert session.visible == "open", status
            assert isinstance(error, OutcomeUnknown), status
        assert error.http_status == status
        assert error.error_class


@NAMED
@BODY
def test_send_step__never_claims_success_without_an_id(name: str, body: bytes) -> None:
    for status in (200, 201, 202, 206) if len(body) < 10**6 else (200,):
        platform = Platform(name, httpx.Response(status, content=body))
        session = platform.session()
        assert isinstance(failed(platform, session), OutcomeUnknown)
        assert session.visible == "open"


class Breaking(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b'{"id": "1", "data": {"id": "1"}'
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


LOST: Mapping[str, Callable[[], httpx.Response | Exception]] = {
    "read error": lambda: httpx.ReadError("reset"),
    "read timeout": lambda: httpx.ReadTimeout("late"),
    "write error": lambda: httpx.WriteError("broken pipe"),
    "write timeout": lambda: httpx.WriteTimeout("slow"),
    "protocol error": lambda: httpx.RemoteProtocolError("closed"),
    "half body": lambda: httpx.Response(200, stream=Breaking()),
    "half gzip": lambda: httpx.Response(200, stream=Breaking(), headers={"content-encoding": "gzip"}),
}


@WIRED
@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_send_step__a_lost_answer_is_unknown(
    name: str, lost: Callable[[], httpx.Response | Exception]
) -> None:
    platform = Platform(name, lost())
    session = platform.session()
    assert isinstance(failed(platform, session), OutcomeUnknown)
    assert session.visible == "open"


@WIRED
def test_send_step__a_second_write_in_one_step_is_stopped(name: str) -> None:
    platform = Platform(name, httpx.ReadError("reset"))
    session = platform.session()
    for _ in range(2):
        assert isinstance(failed(platform, session), OutcomeUnknown)  # and one request in all


@WIRED
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_send_step__what_never_left_may_be_tried_again(name: str, error: type[httpx.TransportError]) -> None:
    platform = Platform(name, error("no route"))
    session = platform.session()
    assert isinstance(failed(platform, session), Unavailable)
    assert session.visible == "unsent"


@WIRED
@pytest.mark.parametrize("token", ["secret\n", "secret\r\nx: y", "secret-ü", "secret-\x00"])
def test_send_step__a_token_no_header_can_carry_is_said_without_saying_it(name: str, token: str) -> None:
    """A file with a trailing line end is how tokens arrive; the HTTP library's error would quote it."""
    platform, http = Platform(name), Http()
    bearer = {key: value for key, value in platform.sample.credentials.items() if key != "token_secret"}
    sessions = []
    with rude_server("close") as (base_url, seen):
        with pytest.raises(AuthExpired) as caught:
            signed = {**bearer, platform.sample.token: token}
            sessions.append(platform.adapter.connect(account(name, base_url), signed, APP, http))
            platform.adapter.send_step(platform.step, sessions[0])
        http.close()
    clean(caught.value, name)
    assert {session.visible for session in sessions} <= {"unsent"}
    assert seen == []


# --- over a real socket ------------------------------------------------------------------------------------


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def rude_server(behaviour: str) -> Iterator[tuple[str, list[bytes]]]:
    """Reads one request, then behaves badly; the list holds what it read."""
    seen: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            request = b""
            while b"\r\n\r\n" not in request or len(request.partition(b"\r\n\r\n")[2]) < length(request):
                request += connection.recv(65536)
            seen.append(request)
            if behaviour == "reset":
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
                )
            elif behaviour == "half head":
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-le")
            elif behaviour == "half body":
                connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"id": "1", "data"')
            elif behaviour == "nonsense":
                connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n")
            elif behaviour == "bad chunk":
                connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
            elif behaviour == "silence":
                done.wait(5)
            elif behaviour == "drip":
                connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                while not done.wait(0.02):
                    connection.sendall(b"x")

    def length(request: bytes) -> int:
        found = re.search(rb"content-length: (\d+)", request, re.IGNORECASE)
        return int(found[1]) if found else 0

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@WIRED
@pytest.mark.parametrize(
    "behaviour", ["close", "reset", "half head", "half body", "nonsense", "bad chunk", "silence", "drip"]
)
def test_send_step__a_lost_answer_on_a_real_socket_is_unknown(name: str, behaviour: str) -> None:
    from socialcron.platforms.http import now_seconds

    platform, http = Platform(name), Http()
    with rude_server(behaviour) as (base_url, seen):
        session = platform.adapter.connect(account(name, base_url), platform.sample.credentials, APP, http)
        session.write_deadline = now_seconds() + 0.4
        with pytest.raises(OutcomeUnknown) as caught:
            platform.adapter.send_step(platform.step, session)
        http.close()
    clean(caught.value, name)
    assert session.visible == "open"
    assert len(seen) == 1


@WIRED
def test_send_step__a_closed_port_is_provably_unsent(name: str) -> None:
    platform, http = Platform(name), Http()
    session = platform.adapter.connect(account(name, closed_port()), platform.sample.credentials, APP, http)
    with pytest.raises(Unavailable):
        platform.adapter.send_step(platform.step, session)
    http.close()
    assert session.visible == "unsent"


@WIRED
@pytest.mark.parametrize(
    "base_url",
    [
        "http://[::1",
        "http://host:port",
        "http://",
        "http://a b",
        "platform.example",
        "ftp://platform.example",
    ],
)
def test_send_step__an_unusable_base_url_is_said_and_nothing_is_sent(name: str, base_url: str) -> None:
    platform, http = Platform(name), Http()
    sessions = []
    with pytest.raises(PlatformError) as caught:
        at = account(name, base_url)
        sessions.append(platform.adapter.connect(at, platform.sample.credentials, APP, http))
        platform.adapter.send_step(platform.step, sessions[0])
    http.close()
    clean(caught.value, name)
    assert {session.visible for session in sessions} <= {"unsent"}


# --- reads, uploads, refresh -------------------------------------------------------------------------------


@WIRED
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"err', b"{}", b"[]", b'{"error": 5, "errors": [null]}'])
def test_explain__knows_every_status(name: str, body: bytes) -> None:
    session = Platform(name).session()
    for status in (*range(300, 309), *range(400, 600)):
        error = session.explain(Answer(status=status, headers={}, body=body, method="GET", path="/"))
        assert isinstance(error, PlatformError), status
        assert not error.outcome_unknown, status
        assert error.http_status == status
        assert error.retryable or status < 500, status
        clean(error, name)


@WIRED
def test_explain__a_refused_token_needs_another_one(name: str) -> None:
    session = Platform(name).session()
    assert isinstance(session.explain(Answer(status=401, headers={}, body=b"")), AuthExpired)


@WIRED
@BODY
def test_reads__an_unusable_answer_is_an_error_of_ours_and_never_an_absence(name: str, body: bytes) -> None:
    platform = Platform(name, httpx.Response(200, content=body))
    with pytest.raises(PlatformError) as caught:
        platform.adapter.identify(platform.session())
    assert not caught.value.outcome_unknown
    clean(caught.value, name)
    try:
        look = platform.adapter.reconcile(platform.step, platform.session())
    except PlatformError as exc:
        clean(exc, name)
    else:
        assert not look.complete
        assert not look.matches
        assert not look.occupied


@WIRED
@BODY
def test_prepare__an_unusable_answer_is_an_error_of_ours(name: str, body: bytes, tmp_path: Path) -> None:
    platform = Platform(name, httpx.Response(200, content=body))
    step = Step(
        number=0,
        kind="post",
        text="Hello",
        media=(platform.media(tmp_path),),
        options=platform.sample.options,
        key=TID,
        due_at=SENT_AT,
        handles=platform.sample.prepare_handles,
    )
    error: PlatformError | None = None
    try:
        platform.adapter.prepare(step, platform.session())
    except PlatformError as exc:
        error = exc
    if error is None:
        assert platform.requests == []  # it had nothing to ask
    else:
        assert not clean(error, name).outcome_unknown


@REFRESHED
@BODY
def test_refresh__never_returns_empty_tokens(name: str, body: bytes) -> None:
    platform = Platform(name, httpx.Response(200, content=body))
    with pytest.raises(PlatformError) as caught:
        platform.adapter.refresh(account(name), platform.sample.renewable or {}, APP, platform.http)
    assert not isinstance(caught.value, AuthExpired)  # trouble never disconnects
    assert not caught.value.outcome_unknown
    clean(caught.value, name)


@REFRESHED
def test_refresh__only_a_refusal_disconnects(name: str) -> None:
    for status in (*range(300, 309), *range(400, 600)):
        platform = Platform(name, httpx.Response(status, json={}))
        with pytest.raises(PlatformError) as caught:
            platform.adapter.refresh(account(name), platform.sample.renewable or {}, APP, platform.http)
        if isinstance(caught.value, AuthExpired):
            assert status in (400, 401, 403), status
        clean(caught.value, name)
    for error in (httpx.ConnectError("no route"), httpx.ReadTimeout("late"), httpx.ReadError("reset")):
        platform = Platform(name, error)
        with pytest.raises(Unavailable):
            platform.adapter.refresh(account(name), platform.sample.renewable or {}, APP, platform.http)


# --- metrics -----------------------------------------------------------------------------------------------


def test_declaration__metrics_are_read_where_they_are_declared() -> None:
    for name in registry.names():
        metrics = registry.declaration(name).metrics
        assert hasattr(registry.adapter(name), "read_metrics") is (metrics is not None), name
        if metrics is not None:
            assert metrics.counts
            assert metrics.counts <= set(COUNTS)
            assert metrics.batch_size >= 1
            assert 1 <= metrics.requests <= BURST
            assert metrics.source.startswith("https://")
            assert date(2026, 1, 1) <= date.fromisoformat(metrics.date) <= date(2026, 12, 31)


def asked(platform: Platform, number: int, session: Session) -> Mapping[str, Reading | Gone | Closed]:
    """What is found of so many posts; nothing where that is an error, which it may be if it is one of ours."""
    ids = [platform.sample.remote_id.format(number=index) for index in range(number)]
    adapter: Any = platform.adapter
    try:
        found: Mapping[str, Reading | Gone | Closed] = adapter.read_metrics(ids, session)
    except PlatformError as exc:
        clean(exc, platform.name)
        return {}
    assert found.keys() <= set(ids)
    return found


def invented(found: Mapping[str, Reading | Gone | Closed]) -> dict[str, Reading | Gone | Closed]:
    """What says more than "not reported"."""
    return {
        remote_id: said
        for remote_id, said in found.items()
        if not isinstance(said, Reading) or any(getattr(said, name) is not None for name in COUNTS)
    }


@MEASURED
@BODY
def test_read_metrics__nothing_is_made_of_an_unusable_answer(name: str, body: bytes) -> None:
    metrics = registry.declaration(name).metrics
    assert metrics is not None
    for number in {1, metrics.batch_size}:
        platform = Platform(name, httpx.Response(200, content=body))
        assert not invented(asked(platform, number, platform.session()))
        assert 1 <= len(platform.requests) <= metrics.requests
        assert {request.method for request in platform.requests} <= {"GET", "POST"}


@MEASURED
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"err', b"{}", b"[]", b'{"error": 5, "errors": [null]}'])
def test_read_metrics__nothing_is_made_of_an_error_without_a_word_of_the_platform(
    name: str, body: bytes
) -> None:
    metrics = registry.declaration(name).metrics
    assert metrics is not None
    for status in (301, 400, 401, 403, 404, 405, 410, 422, 429, 500):
        for number in {1, metrics.batch_size}:
            platform = Platform(name, httpx.Response(status, content=body))
            assert not asked(platform, number, platform.session()), status


@MEASURED
def test_read_metrics__its_limits_do_not_stop_publishing(name: str) -> None:
    headers = {"retry-after": "30", "x-ratelimit-remaining": "0", "x-rate-limit-remaining": "0"}
    for status in (200, 429):
        platform = Platform(name, httpx.Response(status, headers=headers, json={}))
        session = platform.session()
        asked(platform, 1, session)
        assert name in ONE_QUOTA or "publish" not in {seen.family for seen in session.seen}


# --- rate limits -------------------------------------------------------------------------------------------


@WIRED
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("30", 30.0), ("0", 0.0), ("-5", 0.0), ("soon", None), ("nan", None), ("inf", None), ("9" * 400, None)],
)
def test_limits__a_429_blocks_and_waits_as_long_as_it_says(
    name: str, retry_after: str, seconds: float | None
) -> None:
    platform = Platform(name, httpx.Response(429, headers={"retry-after": retry_after}))
    session = platform.session()
    error = failed(platform, session)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds
    assert error.retry_after is None or isfinite(error.retry_after)
    [seen] = session.seen
    assert (seen.family, seen.blocked) == ("publish", True)


@WIRED
@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "1e400", "nan", "٣", "2026-99-99T00:00:00Z"])
def test_limits__unreadable_headers_are_no_headers(name: str, value: str) -> None:
    headers = [
        (header.format(part), value.encode())
        for header in ("x-rate-limit-{}", "x-ratelimit-{}", "ratelimit-{}", "x-user-limit-24hour-{}")
        for part in ("limit", "remaining", "reset")
    ]
    response = created(SAMPLES[name])
    response.headers = httpx.Headers([*response.headers.raw, *((n.encode(), v) for n, v in headers)])
    platform = Platform(name, response)
    session = platform.session()
    platform.adapter.send_step(platform.step, session)
    for seen in session.seen:
        assert seen.reset_at is None or seen.reset_at.tzinfo is not None


# --- secrets -----------------------------------------------------------------------------------------------


@WIRED
def test_repr__holds_no_secret(name: str) -> None:
    session = Platform(name).session()
    assert "secret" not in f"{session!r} {session} {APP!r} {session.authorize!r}"
