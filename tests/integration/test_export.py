from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from socialcron.batches.exporting import REPORTED, neutral, plain
from socialcron.batches.importing import COLUMNS
from socialcron.store.engine import Database
from tests.conftest import Cli
from tests.world import World

HOSTILE = (
    '=HYPERLINK("https://evil.example")',
    "+1 for that",
    "-5 degrees",
    "@me, look",
    "\tindented",
    "\r\nbroken",
    "'=quoted",
    "''quoted twice",
    "'tis plain",
    'say "yes", or\nno; then',
    "<script>alert(1)</script>",
    "مرحبا \u202eevil",
    "🙂",
)
CONTENT = (
    "SELECT c.text, c.media, c.link, c.thread, c.first_comment, c.poll, c.variants, c.approved_at IS NULL,"
    " p.due_at, p.external_key, p.priority, p.max_attempts, p.held_at IS NOT NULL, p.ready_at IS NOT NULL,"
    " a.platform || ':' || a.handle"
    " FROM socialcron.posts AS p JOIN socialcron.contents AS c ON c.id = p.content_id"
    " JOIN socialcron.accounts AS a ON a.id = p.account_id ORDER BY p.id"
)


def contents(db: Database) -> list[Any]:
    return db.connection.execute(CONTENT.encode()).fetchall()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def everything(world: World) -> World:
    """Posts with all there is to say, in hostile words, due in a month."""
    stub = world.account("stub", "me")
    for number, text in enumerate(HOSTILE):
        world.post(stub, text, due="now() + interval '30 d'", external_key=f"={number}")
    world.post(
        stub,
        "all of it",
        due="'2040-03-31 02:30:00.123456+01'",
        media=[{"source": "https://img.example/a.png", "alt": "=A"}, {"source": "https://img.example/b.png"}],
        link="https://example.org/?a=1,2",
        thread=[{"text": "-two"}, {"text": "three", "media": [{"source": "https://img.example/c.png"}]}],
        first_comment="@more",
        variants={"x": {"text": "+short", "options": {"reply_settings": "following"}}},
        priority=-7,
        max_attempts=9,
        draft=True,
    )
    world.post(
        stub,
        None,
        due="now() + interval '31 d'",
        poll={"options": ["=a", "b; c"], "duration_seconds": 600, "multiple": True},
    )
    return world


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_export_posts__is_read_back_by_an_import_as_it_was(
    everything: World, cli: Cli, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"posts.{form}"
    before = contents(everything.db)
    assert cli("export", "posts", "--output", file).stdout == f"{len(before)} posts written to {file}\n"
    everything.run("DELETE FROM socialcron.posts")

    ran = cli("posts", "import", file, "--json")

    assert (ran.exit_code, ran.data["added"]) == (0, len(before)), ran.error
    assert contents(everything.db) == before


PIECES = (
    *(
        "=",
        "+1",
        "-",
        "@me",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "'",
        '"',
        '""',
        ",",
        ";",
        "---",
        "\n---\n",
        "|",
        "\\",
        "\\n",
    ),
    *(
        "🙂",
        "👩‍👩‍👧",
        "é",
        "e\u0301",
        "مرحبا",
        "\u202e",
        "\u2028",
        "\ufeff",
        "\x7f",
        "null",
        "[]",
        "{}",
        "true",
        "0",
        "next-slot",
    ),
    *("Hello", " ", "  two", "https://example.org/?a=1,2"),
)


def words(chosen: random.Random) -> str:
    return "x" * chosen.randrange(2) + "".join(chosen.choices(PIECES, k=chosen.randrange(1, 8))) + "."


def invented(chosen: random.Random, number: int) -> dict[str, Any]:
    """Arguments of schedule_post: anything that a post may be."""

    def media() -> list[dict[str, str]]:
        sources = [f"https://img.example/{n}.png?q=a;b,c" for n in range(chosen.randrange(1, 4))]
        return [
            {"source": one} | ({"alt": words(chosen)} if chosen.random() < 0.6 else {}) for one in sources
        ]

    def maybe(make: Callable[[], Any]) -> Any:
        return make() if chosen.random() < 0.4 else None

    variant = {"text": words(chosen), "thread": [words(chosen)], "options": {"note": words(chosen)}}
    given = {
        "media": maybe(media),
        "link": maybe(lambda: f"https://example.org/{number}?a=1,2"),
        "thread": maybe(lambda: [{"text": words(chosen)}, {"text": words(chosen), "media": media()}]),
        "first_comment": maybe(lambda: words(chosen)),
        "poll": maybe(
            lambda: {"options": [words(chosen), "b; c"], "duration_seconds": 600, "multiple": True}
        ),
        "variants": maybe(lambda: {chosen.choice(["x", "mastodon"]): variant}),
        "external_key": maybe(lambda: f"{words(chosen)} {number}"),
        "priority": chosen.choice([0, -7, 32767]),
        "max_attempts": chosen.choice([1, 4, 100]),
        "draft": chosen.random() < 0.3,
    }
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_export_posts__into_an_empty_database_makes_the_same_posts_whatever_they_say(
    world: World,
    cli: Cli,
    another_database_url: str,
    tmp_path: Path,
    form: str,
    clean_environment: pytest.MonkeyPatch,
) -> None:
    chosen = random.Random(5)
    accounts = [world.account("stub", handle) for handle in ("me", "=you, too", "a:b")]
    for number in range(200):
        due = f"now() + interval '{chosen.randrange(1, 400 * 86_400)}.{number} s'"
        world.post(chosen.choice(accounts), words(chosen), due=due, **invented(chosen, number))
    world.run("UPDATE socialcron.posts SET held_at = now() WHERE id % 5 = 0")
    before, file = contents(world.db), tmp_path / f"posts.{form}"
    clean_environment.setenv("TZ", "Australia/Lord_Howe")
    assert cli("export", "posts", "--output", file).exit_code == 0
    clean_environment.setenv("DATABASE_URL", another_database_url)
    with psycopg.connect(another_database_url, autocommit=True) as empty:
        for handle in ("a:b", "=you, too", "me"):
            empty.execute("INSERT INTO socialcron.accounts (platform, handle) VALUES ('stub', %s)", (handle,))

        ran = cli("posts", "import", file, "--json")

        assert (ran.exit_code, ran.data["added"]) == (0, 200), ran.error
        assert empty.execute(CONTENT.encode()).fetchall() == before


def test_export_posts__imported_again_changes_nothing_where_there_are_keys(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    world.post(world.account("stub"), "one", due="now() + interval '1 d'", external_key="k")
    cli("export", "posts", "--output", tmp_path / "posts.csv")
    ran = cli("posts", "import", tmp_path / "posts.csv", "--json")
    assert (ran.data["added"], ran.data["existing"]) == (0, 1)


def test_export_posts__does_not_send_again_what_is_out(world: World, cli: Cli, tmp_path: Path) -> None:
    world.post(world.account("stub"), "one", due="now() - interval '1 h'")
    assert cli("post-due", "--json").data["posted"] == 1
    cli("export", "posts", "--output", tmp_path / "posts.csv")

    ran = cli("posts", "import", tmp_path / "posts.csv", "--json")

    assert (ran.exit_code, ran.data["added"], ran.data["skipped"]) == (0, 0, 1)
    assert world.value("SELECT count(*) FROM socialcron.posts") == 1


@pytest.mark.parametrize("status", ["processing", "posted", "failed", "unconfirmed", "missed", "cancelled"])
def test_export_posts__brings_back_nothing_that_was_given_up_or_is_under_way(
    world: World, cli: Cli, tmp_path: Path, status: str
) -> None:
    stub = world.account("stub")
    world.post(stub, "gone", due="now() + interval '1 d'")
    world.run("UPDATE socialcron.posts SET status = %s", status)
    world.post(stub, "waits", due="now() + interval '1 d'")
    cli("export", "posts", "--output", tmp_path / "posts.csv")
    world.run("DELETE FROM socialcron.posts")

    ran = cli("posts", "import", tmp_path / "posts.csv")

    assert ran.stdout == "1 post was imported, 1 passed over: they are out, under way or given up\n"
    assert [row[0] for row in contents(world.db)] == ["waits"]


def test_posts_import__without_a_status_column_knows_of_none(world: World, cli: Cli, tmp_path: Path) -> None:
    world.account("stub")
    (tmp_path / "posts.csv").write_text("account,text,held,status\n1,one,true,\n1,two,no,scheduled\n")
    ran = cli("posts", "import", tmp_path / "posts.csv", "--json")
    assert (ran.data["added"], ran.data["skipped"]) == (2, 0)
    assert [world.row(id)["held_at"] is not None for id in (1, 2)] == [True, False]


def test_export_csv__gives_a_spreadsheet_no_formula(everything: World, cli: Cli) -> None:
    everything.run("UPDATE socialcron.accounts SET handle = '@me'")
    everything.run("UPDATE socialcron.posts SET last_error = '=1+1' WHERE id = 1")

    rows = table(cli("export", "posts").stdout)

    cells = [cell for row in rows for name, cell in row.items() if name != "priority"]
    assert [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")] == []
    assert rows[0]["text"] == "'" + HOSTILE[0]
    assert rows[13]["priority"] == "-7"  # a number is no formula


@pytest.mark.parametrize("text", [*HOSTILE, "", "'", "''''@", "plain"])
def test_neutral__can_be_undone(text: str) -> None:
    assert plain(neutral(text)) == text
    assert neutral(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n") or not text


def test_export_posts__names_the_columns_an_import_knows_or_passes_over(world: World, cli: Cli) -> None:
    (header,) = cli("export", "posts").stdout.splitlines()
    columns = header.split(",")
    assert tuple(columns[-len(REPORTED) :]) == REPORTED
    assert set(columns) - set(REPORTED) == set(COLUMNS) - {"tz", "alt"}  # which stand in `at` and `media`


def test_export_posts__takes_whole_days_of_the_zone(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    stub = world.account("stub")
    for due in (
        "2030-01-01 22:59:59+00",
        "2030-01-01 23:00+00",
        "2030-01-03 22:59+00",
        "2030-01-03 23:00+00",
    ):
        world.post(stub, due, due=f"'{due}'")

    rows = table(cli("export", "posts", "--from", "2030-01-02", "--to", "2030-01-03").stdout)

    assert [row["at"] for row in rows] == ["2030-01-02T00:00:00+01:00", "2030-01-03T23:59:00+01:00"]
    assert len(table(cli("export", "posts", "--to", "2030-01-02T00:00+01:00").stdout)) == 1


@pytest.fixture
def measured(world: World) -> World:
    """A post with a reading an hour for three days around the turn of a month."""
    post = world.post(world.account("stub", "@me"), "one")
    world.run(
        "UPDATE socialcron.posts SET status = 'posted', posted_at = '2026-10-30 12:00+00' WHERE id = %s", post
    )
    world.run("SELECT socialcron.ensure_partitions('post_metrics', '2026-10-30', '2026-11-01')")
    world.run(
        """INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at, views, likes)
           SELECT 1, 1, at, at + interval '7 s', 10 * n, CASE WHEN n > 1 THEN 0 END
             FROM generate_series(1, 72) AS n,
                  LATERAL (SELECT '2026-10-30 12:00+00'::timestamptz + n * interval '1 h') AS s (at)"""
    )
    return world


def test_export_metrics__tells_zero_from_not_reported(measured: World, cli: Cli) -> None:
    rows = table(cli("export", "metrics").stdout)
    assert len(rows) == 72
    assert (rows[0]["likes"], rows[1]["likes"], rows[0]["views"]) == ("", "0", "10")
    assert (rows[0]["slot_at"], rows[0]["handle"]) == ("2026-10-30T13:00:00+00:00", "'@me")

    first, second, *_ = map(json.loads, cli("export", "metrics", "--format", "jsonl").stdout.splitlines())
    assert (first["likes"], second["likes"], second["views"], first["handle"]) == (None, 0, 20, "@me")


def test_export_metrics__of_a_period_that_spans_months(measured: World, cli: Cli) -> None:
    rows = table(cli("export", "metrics", "--from", "2026-10-31T23:00Z", "--to", "2026-11-01").stdout)
    assert [row["slot_at"][:13] for row in rows[:2]] == ["2026-10-31T23", "2026-11-01T00"]
    assert rows[-1]["slot_at"] == "2026-11-01T23:00:00+00:00"


def test_export_profiles__has_the_history_of_each_post(world: World, cli: Cli) -> None:
    world.run("INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', 'ana')")
    world.run(
        """INSERT INTO socialcron.profile_posts (profile_id, remote_id, url, first_seen_at, last_seen_at)
           VALUES (1, '77', 'https://tiktok.example/77', '2026-11-01', '2026-11-02')"""
    )
    world.run("SELECT socialcron.ensure_partitions('profile_post_metrics', '2026-11-01')")
    world.run(
        """INSERT INTO socialcron.profile_post_metrics (post_id, profile_id, run_id, read_at, views)
           VALUES (1, 1, 1, '2026-11-01 08:00+00', 5), (1, 1, 2, '2026-11-02 08:00+00', 9)"""
    )
    rows = table(cli("export", "profiles").stdout)
    assert [(row["handle"], row["remote_id"], row["views"], row["likes"]) for row in rows] == [
        ("ana", "77", "5", ""),
        ("ana", "77", "9", ""),
    ]
    assert len(table(cli("export", "profiles", "--from", "2026-11-02").stdout)) == 1


def test_export__of_nothing_is_a_header_or_nothing(world: World, cli: Cli) -> None:
    assert len(cli("export", "metrics").stdout.splitlines()) == 1
    assert cli("export", "metrics", "--format", "jsonl").stdout == ""


def test_export__under_json_needs_a_file_and_says_what_is_in_it(
    measured: World, cli: Cli, tmp_path: Path
) -> None:
    ran = cli("export", "metrics", "--json")
    assert (ran.exit_code, ran.error["code"]) == (2, "usage")
    assert "--output" in ran.error["message"]
    file = tmp_path / "m.jsonl"
    assert cli("export", "metrics", "--output", file, "--json").data == {
        "rows": 72,
        "format": "jsonl",
        "output": str(file),
    }
    assert len(file.read_text().splitlines()) == 72


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--format", "xml"], 2, "xml"),
        (["--from", "yesterday"], 65, "yesterday"),
        (["--from", "2026-02-30"], 65, "2026-02-30"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], 65, "before"),
        (["--output", "no/such/place.csv"], 2, "no/such/place.csv"),
        (["--output", "."], 2, "cannot write"),
    ],
)
def test_export__says_what_it_cannot_use(
    world: World, cli: Cli, options: list[str], code: int, said: str
) -> None:
    ran = cli("export", "posts", *options)
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert said in ran.stderr
    assert "Hint:" in ran.stderr


def test_export__leaves_a_file_as_it_was_until_the_new_one_is_complete(
    measured: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "m.csv"
    file.write_text("old")
    monkeypatch.setattr("socialcron.batches.exporting._cell", lambda value, zone: 1 / 0)
    assert cli("export", "metrics", "--output", file).exit_code == 70
    assert (file.read_text(), list(tmp_path.glob(".m.csv*"))) == ("old", [])


def test_export__needs_no_more_memory_for_more_rows(
    measured: World, environment: dict[str, str], tmp_path: Path
) -> None:
    """Ten times the rows, the same peak: they come by a cursor of the server's."""
    code = (
        "import resource, sys; from socialcron.cli import main;"
        "main(['export', 'metrics', '--output', '/dev/null']);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak_kib() -> int:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"], **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout.splitlines()[-1])

    fill = (
        "INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at, views)"
        " SELECT n, 1, '2026-11-01', now(), n FROM generate_series(%s::int, %s::int) AS n"
    )
    measured.run(fill, 1000, 11_000)
    little = peak_kib()
    measured.run(fill, 100_000, 200_000)
    assert peak_kib() < little + 8 * 1024
