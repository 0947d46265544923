"""Hostile words in every place that takes words: they are stored as they are or refused, and command nothing.

Neither the database (SQL), nor the terminal (escape sequences), nor a browser (the report), nor a spreadsheet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import all_commands
from tests.conftest import Cli, Ran
from tests.safety.every_command import EVERY, make_busy, words
from tests.world import World

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\\r\x9b31m\u202e\x08\x7f"
SQL = (
    "'; DROP TABLE socialcron.posts CASCADE; --",
    "\\'; DELETE FROM socialcron.accounts; --",
    "$$; DROP SCHEMA socialcron CASCADE; $$",
    "%s %(x)s %% {0} {x} :x ?",
    '1 OR 1=1) UNION SELECT credentials FROM socialcron.accounts --"',
)
PAGE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>'\"&"

SCHEMA = """
SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) AS line
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'socialcron'::regnamespace AND NOT c.relispartition AND a.attnum > 0
    UNION ALL SELECT 'function ' || oid::regprocedure || md5(prosrc)
                FROM pg_proc WHERE pronamespace = 'socialcron'::regnamespace
    UNION ALL SELECT 'rights ' || relname || relacl::text
                FROM pg_class WHERE relnamespace = 'socialcron'::regnamespace
    UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
    UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL SELECT 'role ' || current_user
) AS x
"""


def text_parameters() -> Iterator[tuple[str, Any]]:
    """(command, parameter) of every option and argument that takes words, found in the parsers."""
    for name, command in all_commands():
        for parameter in command.params:
            flag = getattr(parameter, "is_flag", False)
            if name in EVERY and not flag and parameter.opts[0] not in ("--help", "--env-file"):
                yield name, parameter


def uncontrolled(text: str) -> str:
    """The control characters of a text, but line breaks and tabs; and those that turn the direction of writing."""
    return "".join(re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text))


def assert_tame(ran: Ran, what: object) -> None:
    assert ran.exit_code in (0, 1, 2, 65, 69, 78), (what, ran.stderr)
    assert uncontrolled(ran.stdout + ran.stderr) == "", (what, ran.stdout, ran.stderr)


@pytest.mark.parametrize(
    "hostile", ["".join(SQL), ESCAPES, "-1", "é" * 20_000], ids=["SQL", "escapes", "-1", "long"]
)
def test_every_parameter__takes_hostile_words_for_words(
    world: World, cli: Cli, tmp_path: Path, hostile: str
) -> None:
    ids = make_busy(world, tmp_path)
    before = world.value(SCHEMA)
    kept = world.value("SELECT count(*) FROM socialcron.posts")
    seen = 0
    for command, parameter in text_parameters():
        given = words(command, ids)
        if parameter.param_type_name == "option":
            given = (
                [*given, f"{parameter.opts[0]}={hostile}"] if parameter.opts[0].startswith("--") else given
            )
        else:
            first = len(command.split())
            given = [*given[:first], "--", hostile, *given[first + 1 :]]
        if command == "accounts remove":
            continue
        assert_tame(cli(*given), given)
        seen += 1
    assert seen > 90
    assert world.value(SCHEMA) == before
    assert world.value("SELECT count(*) FROM socialcron.posts") >= kept
    assert world.value("SELECT count(*) FROM socialcron.accounts WHERE credentials IS NOT NULL") >= 2


@pytest.mark.parametrize("hostile", [*SQL, ESCAPES, PAGE], ids=range(7))
def test_what_is_stored__is_what_was_given(world: World, cli: Cli, tmp_path: Path, hostile: str) -> None:
    account = world.account("stub")
    before = world.value(SCHEMA)
    file = tmp_path / "posts.jsonl"
    row = {
        "account": account,
        "text": f"a {hostile}",
        "key": hostile,
        "first_comment": hostile,
        "thread": [hostile],
    }
    file.write_text(json.dumps({**row, "at": "2031-01-01T00:00Z"}))

    assert cli("posts", "import", file, "--json").exit_code == 0
    assert cli("posts", "add", "--account", account, "--text", f"b {hostile}", "--json").exit_code == 0
    world.post(account, f"c {hostile}", external_key=f"c {hostile}", first_comment=hostile)
    assert cli(
        "posts", "add", "--account", account, "--text", f"b {hostile}", "--key", hostile
    ).exit_code in (0, 2, 65)

    texts = [
        t
        for (t,) in world.db.connection.execute(
            b"SELECT text FROM socialcron.contents ORDER BY id"
        ).fetchall()
    ]
    assert texts[:3] == [f"{n} {hostile}" for n in "abc"]
    stored = world.db.connection.execute(
        b"SELECT external_key, first_comment, thread->0->>'text' FROM socialcron.posts AS p"
        b" JOIN socialcron.contents AS c ON c.id = p.content_id ORDER BY p.id LIMIT 1"
    ).fetchone()
    assert stored == (hostile, hostile, hostile)
    found = cli("posts", "list", "--search", hostile, "--json").data["posts"]
    assert len(found) >= 3
    assert world.value(SCHEMA) == before


def test_names__stored_by_an_application_reach_no_terminal_as_they_are(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    """Whoever may write a post may not write on the operator's screen."""
    ids = make_busy(world, tmp_path)
    hostile = f"me{ESCAPES}"
    for table, column in (
        ("accounts", "handle"),
        ("accounts", "last_error"),
        ("contents", "text"),
        ("contents", "first_comment"),
        ("contents", "link"),
        ("posts", "last_error"),
        ("posts", "url"),
        ("publish_attempts", "error"),
        ("profiles", "handle"),
        ("profiles", "last_error"),
        ("profile_posts", "caption"),
        ("profile_posts", "url"),
    ):
        world.run(f"UPDATE socialcron.{table} SET {column} = %s || id", hostile)
    world.run("UPDATE socialcron.posts SET external_key = %s || id, error_class = 'network'", hostile)
    world.run(
        "UPDATE socialcron.contents"
        " SET media = jsonb_build_array(jsonb_build_object('source', 'cat.png', 'alt', %s::text))",
        hostile,
    )
    world.run(
        "INSERT INTO socialcron.runs (command, host, finished_at, error, exit_code)"
        " VALUES ('post-due', %s, now(), %s, 70)",
        hostile,
        hostile,
    )
    world.run(
        "INSERT INTO socialcron.monitoring_runs (profile_id, status, started_at, finished_at, error)"
        " VALUES (%s, 'failed', now(), now(), %s)",
        ids["profile"],
        hostile,
    )
    for command in EVERY:
        assert_tame(cli(*words(command, ids)), command)


def test_logs_in_text__quote_what_is_not_printable(
    world: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "text")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    account = world.account("mastodon")
    world.run("UPDATE socialcron.accounts SET handle = %s", ESCAPES)
    world.post(account, ESCAPES, media=[{"source": f"/{ESCAPES}.png"}])
    ran = cli("post-due", "--look-ahead", "0")
    assert "post_failed" in ran.stderr
    assert_tame(ran, "post-due")


def test_report__shows_hostile_words_as_words(world: World, cli: Cli, tmp_path: Path) -> None:
    make_busy(world, tmp_path)
    for table, column in (
        ("accounts", "handle"),
        ("contents", "text"),
        ("posts", "last_error"),
        ("posts", "url"),
    ):
        world.run(f"UPDATE socialcron.{table} SET {column} = %s || id", PAGE)
    world.run("UPDATE socialcron.profiles SET handle = %s || id", PAGE)
    page = tmp_path / "page.html"
    assert cli("report", "--html", page, "--title", PAGE).exit_code == 0
    text = page.read_text()
    assert "alert(1)" in text  # as words
    assert "<script>alert(1)" not in text
    assert "<img" not in text
    assert not re.search(r"""(?:href|src)=["']?\s*(?:</script>|javascript:)""", text)


def test_report__links_to_no_script(world: World, cli: Cli, tmp_path: Path) -> None:
    make_busy(world, tmp_path)
    world.run("UPDATE socialcron.posts SET status = 'posted', posted_at = now(), url = 'javascript:alert(1)'")
    page = tmp_path / "page.html"
    assert cli("report", "--html", page).exit_code == 0
    assert not re.search(r"""href=["']?javascript:""", page.read_text())
