"""Secrets are planted wherever one can be, everything is made to go wrong, and then they are looked for."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from socialcron import redaction
from socialcron.platforms import registry
from socialcron.sandbox.scrapecreators import KEY
from socialcron.settings import Settings
from socialcron.store.sealed import SEALED_COLUMNS
from socialcron.store.secrets import KeyRing, new_key
from tests.conftest import Cli, Ran
from tests.kinds import KINDS, write_media
from tests.safety.every_command import ALSO_FINE, EVERY, make_busy, words
from tests.safety.parrot import Parrot, parrot
from tests.world import World

MARK = "pLaNtEd"
PUBLIC_CREDENTIALS = {"identifier", "did", "pds", "expires_at", "issued_at", "scope", "token_type"}

# Where a secret may stand in the database: encrypted, or what only the worker reads.
ITS_PLACE = {(column.table, column.column) for column in SEALED_COLUMNS} | {("publish_attempts", "handles")}


@pytest.fixture(autouse=True)
def _forget_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", set())


def planted_settings() -> dict[str, str]:
    """A value for each secret setting but the database's and the ring."""
    found: dict[str, str] = {}
    for spec in fields(Settings):
        name = spec.metadata["env"]
        if spec.metadata["secret"] and name not in (
            "DATABASE_URL",
            "SOCIALCRON_READ_URL",
            "SOCIALCRON_SECRET_KEY",
        ):
            found[name] = f"{MARK}-{name.lower()}-{len(found):03}"
        if "by_name" in spec.metadata:
            found[name.replace("NAME", "SHOP")] = f"{MARK}-{name.lower()}-{len(found):03}"
    found["SOCIALCRON_PING_URL"] = f"http://127.0.0.1:9/{MARK}-ping-key"
    return found


def disguises(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    if len(secret) >= 40 and "://" not in secret:
        yield secret[: len(secret) // 2]  # a part is too much


def assert_hidden(text: str, secrets: Iterable[str], where: object) -> None:
    for secret in secrets:
        for form in disguises(secret):
            at = text.find(form)
            assert at < 0, f"{where}: {text[max(at - 300, 0) : at + len(form) + 20]}"


def everything_stored(world: World) -> str:
    """Every text in every table but where a secret has its place."""
    columns = world.db.connection.execute(
        b"SELECT c.table_name, c.column_name FROM information_schema.columns AS c JOIN information_schema.tables AS t"
        b" USING (table_schema, table_name) WHERE table_schema = 'socialcron' AND table_type = 'BASE TABLE'"
    ).fetchall()
    texts = []
    for table, column in columns:
        if (table, column) not in ITS_PLACE:
            rows = world.db.connection.execute(
                f'SELECT "{column}"::text FROM socialcron.{table}'.encode()
            ).fetchall()
            texts += [f"{table}.{column}: {value}" for (value,) in rows if value]
    return "\n".join(texts)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in PUBLIC_CREDENTIALS:
                yield from strings(inner)
    elif isinstance(value, str) and len(value) >= 8:
        yield value


class Commands:
    """What was started as a child, with its arguments: others see those."""

    seen: list[str] | None = None

    def __init__(self) -> None:
        sys.addaudithook(self.hear)

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.seen is not None and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            self.seen.append(repr(args[:2]))


_commands = Commands()


@pytest.fixture
def children() -> Iterator[list[str]]:
    _commands.seen = []
    yield _commands.seen
    _commands.seen = None


@pytest.fixture
def mocking(world: World) -> Iterator[Parrot]:
    with parrot(world.sandbox.base_url) as server:
        yield server


def make_accounts(world: World, server: Parrot, folder: Path) -> list[str]:
    """One account of each platform behind the parrot, with a post that is due; their secrets."""
    write_media(folder)
    secrets: list[str] = []
    done = set()
    for kind in KINDS:
        if kind.platform in done:
            continue
        done.add(kind.platform)
        owner = f"owner-{kind.platform}"
        account = world.account(kind.platform, owner, settings=kind.settings_of(owner), **kind.account)
        world.post(account, **kind.post)
        sealed = world.value("SELECT credentials FROM socialcron.accounts WHERE id = %s", account)
        secrets += strings(KeyRing(world.settings.secret_key).decrypt(sealed, account_id=account))
        world.run(
            "UPDATE socialcron.accounts SET settings = jsonb_set(settings, '{base_url}',"
            " to_jsonb(replace(settings->>'base_url', %s, %s))) WHERE id = %s",
            world.sandbox.base_url,
            server.url,
            account,
        )
    assert {name.partition("-")[0] for name in done} == set(registry.names()) - {"stub"}
    assert len(secrets) >= len(done)
    return secrets


def shown(ran: Ran) -> str:
    return f"{ran.stdout}\n{ran.stderr}"


@pytest.mark.parametrize(
    ("status", "patient", "form"),
    [
        (400, 0, "json"),
        (401, 0, "text"),
        (403, 1, "json"),
        (500, 0, "text"),
        (302, 1, "json"),
        (429, 2, "text"),
        (400, 3, "json"),
    ],
)
def test_a_platform_that_repeats_our_tokens__is_quoted_without_them(
    world: World,
    cli: Cli,
    mocking: Parrot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    patient: int,
    form: str,
) -> None:
    planted = planted_settings()
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("LOG_FORMAT", form)
    monkeypatch.setenv("SOCIALCRON_MEDIA_URL", world.sandbox.media_url)
    monkeypatch.setenv("SOCIALCRON_ALLOW_PRIVATE_MEDIA", "true")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    secrets = [*make_accounts(world, mocking, tmp_path), *planted.values()]
    mocking.status, mocking.patient = status, patient

    outputs = [("post-due", shown(cli("post-due", "--look-ahead", "0", "--concurrency", "16")))]
    outputs.append(("post-due", shown(cli("post-due", "--look-ahead", "0", "--json"))))
    outputs.append(("accounts refresh", shown(cli("accounts", "refresh", "--all"))))
    if status in (401, 500):
        for (account,) in world.db.connection.execute(b"SELECT id FROM socialcron.accounts").fetchall():
            outputs.append(("accounts test", shown(cli("accounts", "test", account))))
    world.run(
        "UPDATE socialcron.posts SET status = 'posted', posted_at = now() - interval '2 hours', remote_id = id::text"
    )
    outputs.append(("collect-metrics", shown(cli("collect-metrics"))))
    page = tmp_path / "page.html"
    cli("report", "--html", page)
    outputs.append(("report", page.read_text()))
    for command in ("status", "posts list", "accounts list", "export posts"):
        outputs.append((command, shown(cli(*command.split()))))
    outputs.append(("status", shown(cli("status", "--json"))))

    heard = "\n".join(mocking.heard)
    known = [secret for secret in secrets if secret in heard]
    assert len(known) >= 5, "the parrot heard no secret: this test finds none"
    for where, text in [*outputs, ("the database", everything_stored(world))]:
        assert_hidden(text, secrets, where)
    assert "You sent" in everything_stored(world)  # quoted it is


def test_every_command__shows_no_secret_and_passes_none_to_a_child(
    world: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: list[str]
) -> None:
    planted = planted_settings()
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("LOG_FORMAT", "text")
    monkeypatch.setenv("http_proxy", f"http://me:{MARK}-proxy-password@127.0.0.1:9")
    monkeypatch.setenv("SOCIALCRON_SCRAPECREATORS_URL", world.sandbox.url("scrapecreators"))
    ids = make_busy(world, tmp_path)
    credentials = world.db.connection.execute(
        b"SELECT id, credentials FROM socialcron.accounts WHERE credentials IS NOT NULL"
    ).fetchall()
    ring = KeyRing(world.settings.secret_key)
    secrets = [secret for id, text in credentials for secret in strings(ring.decrypt(text, account_id=id))]
    for name in ("credentials", "accounts_file"):
        content = json.loads(ids[name].read_text())
        secrets += strings(content.get("credentials", content))
    secrets += [
        ids["webhook_secret"].read_text(),
        *planted.values(),
        world.settings.secret_key or "",
        MARK,
        KEY,
    ]

    for command in EVERY:
        ran = cli(*words(command, ids), *(["--json"] if command.startswith(("posts", "accounts")) else []))
        assert ran.exit_code in (0, ALSO_FINE.get(command), 78), (command, ran.stderr)
        assert_hidden(shown(ran), secrets, command)
    for file in ("page.html", "posts.csv", "metrics.csv", "profiles.jsonl"):
        assert_hidden((tmp_path / file).read_text(), secrets, file)
    assert_hidden(everything_stored(world), secrets, "the database")
    assert_hidden("\n".join(children), secrets, "the arguments of a child")


def test_every_command__without_its_database_keeps_the_password(
    bare_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.json").write_text('{"access_token": "abcdefgh"}')
    (tmp_path / "p.csv").write_text("account,text\n1,x\n")
    (tmp_path / "a.jsonl").write_text('{"platform": "stub", "handle": "x"}')
    ids: dict[str, Any] = defaultdict(lambda: 1)
    ids |= {"folder": tmp_path, "base_url": "https://m.example", "credentials": tmp_path / "c.json"}
    ids |= {"posts_file": tmp_path / "p.csv", "accounts_file": tmp_path / "a.jsonl"}
    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", new_key())
    refused = 0
    for url in (f"postgresql://u:{MARK}-word@127.0.0.1:9/d", f"postgresql://u:{MARK}-w@rd@127.0.0.1:x/d"):
        monkeypatch.setenv("DATABASE_URL", url)
        for command in EVERY:
            ran = bare_cli(*words(command, ids))
            refused += ran.exit_code in (69, 78)
            assert MARK not in shown(ran), command
    assert refused > len(EVERY)  # a few need no database


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_bug__is_reported_without_the_token_in_it(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The worst place: in the error of a library, with a traceback."""
    account = world.account("mastodon")
    world.post(account)
    sealed = world.value("SELECT credentials FROM socialcron.accounts WHERE id = %s", account)
    token = KeyRing(world.settings.secret_key).decrypt(sealed, account_id=account)["access_token"]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"could not send with Authorization: Bearer {token}, {token!r} or {quote(token)}")

    monkeypatch.setattr("socialcron.platforms.mastodon.Mastodon.send_step", broken)
    monkeypatch.setenv("LOG_FORMAT", form)
    ran = cli("post-due", "--look-ahead", "0")
    assert "RuntimeError" in ran.stderr
    assert_hidden(shown(ran), [token], form)
    assert_hidden(everything_stored(world), [token], "the database")


def test_media__are_named_without_what_signs_their_address(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In errors and logs. The address itself is stored as it was given, for it has to be fetched."""
    url = f"https://127.0.0.1/cat.png?X-Amz-Signature={MARK}sig&Policy={MARK}&Key-Pair-Id={MARK}"
    post = world.post(world.account("mastodon"), "look", media=[{"source": url}])
    outputs = [
        shown(cli("post-due", "--look-ahead", "0")),
        shown(cli("posts", "validate", post, "--fetch")),
        shown(cli("posts", "explain", post)),
        shown(cli("posts", "list")),
        shown(cli("status")),
        str(world.row(post)),
        str(world.attempts(post)),
    ]
    refused = cli(
        "posts", "add", "--account", 1, "--text", "x", "--media", f"https://me:{MARK}@m.example/cat.png"
    )
    assert "127.0.0.1" in outputs[0]
    for text in [*outputs, shown(refused)]:
        assert_hidden(text, [MARK], "media")


def test_environment__of_the_embedded_server_holds_no_secret_in_its_arguments() -> None:
    """The server that this very suite runs on, if it is the embedded one: others on the host read its command line."""
    home = os.environ["SOCIALCRON_TEST_RUN_HOME"]
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if home.encode() in line:
            lines.append(line.decode(errors="replace"))
    assert not [line for line in lines if "SECRET" in line or "password" in line]
