"""`posts add`, `show`, `list`: what goes in and what can be seen of it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from socialcron.content import Content
from socialcron.settings import Settings
from socialcron.store.engine import Database
from socialcron.store.scheduling import Draft, add_posts
from tests.conftest import Cli
from tests.media import png


@pytest.fixture
def stub(cli: Cli) -> int:
    return int(cli("accounts", "add", "stub", "--handle", "me", "--json").data["id"])


@pytest.fixture
def mastodon(db: Database) -> int:
    found = db.connection.execute(
        """INSERT INTO socialcron.accounts (platform, handle, settings)
           VALUES ('mastodon', '@me@social.example', '{"base_url": "https://social.example"}') RETURNING id"""
    ).fetchone()
    assert found is not None
    return int(found[0])


def count(db: Database, table: str) -> int:
    found = db.connection.execute(f"SELECT count(*) FROM socialcron.{table}".encode()).fetchone()
    assert found is not None
    return int(found[0])


def one(db: Database, sql: str) -> Any:
    found = db.connection.execute(sql.encode()).fetchone()
    return None if found is None else found[0]


# --- add ---------------------------------------------------------------------------------------------------------


def test_posts_add__makes_one_post_per_account_of_one_content(
    cli: Cli, db: Database, stub: int, mastodon: int
) -> None:
    ran = cli(
        *("posts", "add", "--account", mastodon, "--account", "stub:me", "--account", stub, "--json"),
        *("--text", "hello", "--at", "2030-01-01T09:00+01:00", "--priority", 3, "--max-attempts", 1),
    )
    assert ran.exit_code == 0
    assert ran.data["posts"] == [
        {
            "id": place + 1,
            "account_id": account_id,
            "status": "scheduled",
            "due_at": "2030-01-01T08:00:00+00:00",
            "existing": False,
        }
        for place, account_id in enumerate((mastodon, stub))
    ]
    assert count(db, "contents") == 1
    assert one(db, "SELECT count(*) FROM socialcron.posts WHERE priority = 3 AND max_attempts = 1") == 2
    assert one(db, "SELECT count(*) FROM socialcron.account_wakeups") == 2


def test_posts_add__is_due_now_unless_told_otherwise(cli: Cli, db: Database, stub: int) -> None:
    for when in ([], ["--at", "now"]):
        assert cli("posts", "add", "--account", stub, "--text", "hi", *when).exit_code == 0
    assert one(db, "SELECT bool_and(ready_at <= now()) FROM socialcron.posts") is True


def test_posts_add__keeps_everything_a_post_can_say(
    cli: Cli, db: Database, stub: int, tmp_path: Path
) -> None:
    (tmp_path / "sun.png").write_bytes(png())
    cli(
        *("posts", "add", "--account", stub, "--text", "", "--media", "sun.png", "--alt", "The sun"),
        *("--media", "https://img.example/b.png", "--link", "https://a.example", "--thread", "two"),
        *("--thread", "three", "--first-comment", "more", "--poll", "yes", "--poll", "no"),
        *("--for", "stub.text=short"),
    )
    stored = one(db, "SELECT to_jsonb(c) FROM socialcron.contents AS c")
    assert stored["media"] == [
        {"source": "sun.png", "alt": "The sun"},
        {"source": "https://img.example/b.png"},
    ]
    assert stored["thread"] == [{"text": "two"}, {"text": "three"}]
    assert stored["poll"] == {"options": ["yes", "no"], "duration_seconds": 86400, "multiple": False}
    assert stored["variants"] == {"stub": {"text": "short"}}
    assert (stored["link"], stored["first_comment"]) == ("https://a.example", "more")


def test_posts_add__finds_media_from_the_working_directory_below_the_root(
    cli: Cli, db: Database, stub: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "sun.png").write_bytes(png())
    monkeypatch.chdir(tmp_path / "pictures")
    assert cli("posts", "add", "--account", stub, "--media", "sun.png").exit_code == 0
    assert one(db, "SELECT media -> 0 ->> 'source' FROM socialcron.contents") == "pictures/sun.png"


def test_posts_add__draft_waits_for_approval(cli: Cli, db: Database, stub: int) -> None:
    cli("posts", "add", "--account", stub, "--text", "hi", "--draft")
    assert one(db, "SELECT ready_at FROM socialcron.posts") is None


def test_posts_add__same_key_and_payload_gives_the_existing_post(
    cli: Cli, db: Database, stub: int, mastodon: int
) -> None:
    again = ("posts", "add", "--text", "hi", "--key", "k1", "--at", "2030-01-01T09:00Z", "--json")
    first = cli(*again, "--account", stub).data["posts"][0]
    second = cli(*again, "--account", stub, "--account", mastodon).data["posts"]
    third = cli(*again, "--account", stub, "--account", mastodon).data["posts"]

    assert (second[0]["id"], second[0]["existing"], second[1]["existing"]) == (first["id"], True, False)
    assert [post["existing"] for post in third] == [True, True]
    assert (count(db, "posts"), count(db, "contents")) == (2, 2)


def test_posts_add__same_key_is_still_known_when_its_time_has_passed(
    cli: Cli, db: Database, stub: int
) -> None:
    again = (
        "posts",
        "add",
        "--account",
        stub,
        "--text",
        "hi",
        "--key",
        "k",
        "--at",
        "2020-01-01T00:00Z",
        "--json",
    )
    assert cli(*again).exit_code == 65
    db.connection.execute(
        "SELECT socialcron.schedule_post(%s, 'hi', '2020-01-01T00:00Z', external_key => 'k')", [stub]
    )
    assert cli(*again).data["posts"][0]["existing"] is True


def test_posts_add__means_the_same_by_a_key_as_schedule_post_in_any_time_zone(
    cli: Cli, db: Database, stub: int
) -> None:
    made = cli(
        *(
            "posts",
            "add",
            "--account",
            stub,
            "--text",
            "hi",
            "--key",
            "k",
            "--at",
            "2030-01-01T09:00Z",
            "--json",
        )
    ).data["posts"][0]
    db.connection.execute("SET timezone = 'Asia/Kolkata'")
    call = "SELECT socialcron.schedule_post(%s, 'hi', '2030-01-01T09:00Z', external_key => 'k')"
    assert db.connection.execute(call.encode(), [stub]).fetchone() == (made["id"],)


def test_posts_add__same_key_with_another_payload_is_refused_and_stores_nothing(
    cli: Cli, db: Database, stub: int, mastodon: int
) -> None:
    cli("posts", "add", "--account", stub, "--text", "hi", "--key", "k")
    ran = cli(
        "posts", "add", "--account", mastodon, "--account", stub, "--text", "bye", "--key", "k", "--json"
    )
    assert ran.exit_code == 65
    assert "belongs to post 1" in ran.error["message"]
    assert (count(db, "posts"), count(db, "contents")) == (1, 1)


def test_add_posts__makes_one_post_of_a_key_that_many_add_at_once(
    db: Database, stub: int, settings: Settings
) -> None:
    draft = Draft(account_ids=(stub,), content=Content(text="hi"), external_key="k")
    ids: list[int] = []

    def add() -> None:
        other = Database.connect(settings)
        ids.append(add_posts(other, [draft])[0].id)
        other.close()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert (count(db, "posts"), count(db, "contents")) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["--text", "hi"], 2, "--account"),
        (["--account", "99", "--text", "hi"], 2, "accounts list"),
        (["--account", "stub:nobody", "--text", "hi"], 2, "accounts list"),
        (["--account", "1\x00", "--text", "hi"], 2, "there is no account"),
        (["--account", "1"], 65, "empty"),
        (["--account", "1", "--text", " "], 65, "empty"),
        (["--account", "1", "--text", "a\x00b"], 65, "NUL"),
        (["--account", "1", "--text", "a\udcffb"], 65, "UTF-8"),
        (["--account", "1", "--text", "hi", "--key", "\x00"], 65, "NUL"),
        (["--account", "1", "--text", "hi", "--at", "2030-01-01T09:00"], 65, "--tz"),
        (["--account", "1", "--text", "hi", "--at", "2020-01-01T09:00Z"], 65, "now"),
        (["--account", "1", "--text", "hi", "--at", "soon"], 65, "no time"),
        (
            ["--account", "1", "--text", "hi", "--at", "2030-03-31T02:30", "--tz", "Europe/Berlin"],
            65,
            "exist",
        ),
        (["--account", "1", "--text", "hi", "--at", "2030-01-01T09:00", "--tz", "Mars"], 2, "IANA"),
        (["--account", "1", "--text", "hi", "--at", ""], 65, "the time is empty"),
        (["--account", "1", "--text", "hi", "--media", "nowhere.png"], 65, "nowhere.png"),
        (["--account", "1", "--text", "hi", "--media", "../../etc/passwd"], 65, "media root"),
        (["--account", "1", "--text", "hi", "--media", "http://img.example/a.png"], 65, "https"),
        (["--account", "1", "--text", "hi", "--alt", "the sun"], 65, "--alt"),
        (["--account", "1", "--text", "hi", "--poll", "one"], 65, "two options"),
        (["--account", "1", "--text", "hi", "--max-attempts", "0"], 2, "max-attempts"),
        (["--account", "1", "--text", "hi", "--priority", "99999"], 2, "priority"),
        (["--account", "1", "--text", "hi", "--for", "myspace.text=x"], 2, "Known platforms"),
    ],
)
def test_posts_add__refuses_what_cannot_be_with_one_error_and_a_way_out(
    cli: Cli, db: Database, stub: int, arguments: list[str], exit_code: int, words: str
) -> None:
    ran = cli("posts", "add", *arguments, "--json")
    assert ran.exit_code == exit_code
    assert words in f"{ran.error['message']} {ran.error['hint']}"
    assert ran.stderr == ""
    assert count(db, "posts") == count(db, "contents") == 0


def test_posts_add__reads_naive_times_in_the_zone_of_TZ(
    cli: Cli, stub: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    ran = cli("posts", "add", "--account", stub, "--text", "hi", "--at", "2030-07-01T09:00", "--json")
    assert ran.data["posts"][0]["due_at"] == "2030-07-01T07:00:00+00:00"


def test_posts_add__says_which_of_two_equal_local_times_it_took(cli: Cli, stub: int) -> None:
    ran = cli(
        *("posts", "add", "--account", stub, "--text", "hi", "--json"),
        *("--at", "2030-10-27T02:30", "--tz", "Europe/Berlin"),
    )
    assert ran.data["posts"][0]["due_at"] == "2030-10-27T00:30:00+00:00"
    assert "occurs twice" in ran.data["notes"][0]


def test_posts_add__names_every_problem_of_every_account_and_stores_nothing(
    cli: Cli, db: Database, stub: int, mastodon: int
) -> None:
    ran = cli(
        *(
            "posts",
            "add",
            "--account",
            mastodon,
            "--account",
            stub,
            "--text",
            "x" * 501,
            "--thread",
            "y" * 502,
        ),
        *("--media", "nowhere.png", "--json"),
    )
    assert ran.exit_code == 65
    problems = ran.error["problems"]
    assert any("mastodon" in line and "501" in line and "500" in line for line in problems)
    assert any("mastodon" in line and "502" in line for line in problems)
    assert any("stub" in line and "nowhere.png" in line for line in problems)
    assert count(db, "posts") == 0


def test_posts_add__warns_that_a_disabled_account_sends_nothing(cli: Cli, stub: int) -> None:
    cli("accounts", "disable", stub)
    ran = cli("posts", "add", "--account", stub, "--text", "hi")
    assert (ran.exit_code, "is disabled" in ran.stdout) == (0, True)


@pytest.mark.direct("the pooler's connections know the database's old setting")
def test_posts_add__says_69_on_a_read_only_database(cli: Cli, db: Database, stub: int) -> None:
    name = db.connection.info.dbname
    db.connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
    ran = cli("posts", "add", "--account", stub, "--text", "hi", "--json")
    assert (ran.exit_code, ran.error["code"]) == (69, "database_unavailable")


@pytest.mark.parametrize("due_at", ["infinity", "-infinity", "20000-01-01"])
def test_posts__take_no_time_that_a_list_could_not_show(db: Database, stub: int, due_at: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        db.connection.execute("SELECT socialcron.schedule_post(%s, 'hi', %s)", [stub, due_at])


# --- show and list -----------------------------------------------------------------------------------------------


def test_posts_show__tells_where_a_post_stands_and_every_try(cli: Cli, stub: int) -> None:
    cli("posts", "add", "--account", stub, "--text", "hi", "--thread", "two")
    assert cli("post-due", "--json").data["posted"] == 1

    ran = cli("posts", "show", 1, "--json")

    assert (ran.data["status"], ran.data["text"]) == ("posted", "hi")
    assert ran.data["remote_id"].startswith("stub-")
    assert (ran.data["url"], ran.data["error_class"], ran.data["last_error"]) == (None, None, None)
    assert [(a["step"], a["phase"], a["error_class"]) for a in ran.data["attempts"]] == [
        (0, "confirmed", None),
        (1, "confirmed", None),
    ]
    assert "confirmed" in cli("posts", "show", 1).stdout


def test_posts_list__filters(cli: Cli, db: Database, stub: int, mastodon: int) -> None:
    cli("posts", "add", "--account", stub, "--text", "100% early", "--at", "2030-01-01T00:00Z")
    cli("posts", "add", "--account", mastodon, "--text", "late", "--at", "2031-01-01T00:00Z")
    cli("posts", "add", "--account", stub, "--text", "failed", "--at", "2032-01-01T00:00Z")
    db.connection.execute("UPDATE socialcron.posts SET status = 'failed', last_error = 'why' WHERE id = 3")

    def ids(*arguments: object) -> list[int]:
        return [post["id"] for post in cli("posts", "list", "--json", *arguments).data["posts"]]

    assert ids() == [3, 2, 1]
    assert ids("--limit", 1) == [3]
    assert ids("--status", "scheduled") == [1, 2]
    assert ids("--status", "failed", "--status", "missed") == [3]
    assert ids("--platform", "mastodon") == [2]
    assert ids("--account", "stub:ME") == [3, 1]
    assert ids("--due-before", "2030-06-01T00:00Z") == [1]
    assert ids("--due-after", "2030-06-01T00:00", "--tz", "Asia/Tokyo") == [3, 2]
    assert ids("--search", "100% E") == [1]
    assert "why" in cli("posts", "list").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--status", "lost"],
        ["--platform", "myspace"],
        ["--account", "9"],
        ["--limit", "0"],
        ["--due-after", "2030-01-01T00:00Z", "--tz", "Mars"],
    ],
)
def test_posts_list__answers_unknown_words_with_exit_2(cli: Cli, arguments: list[str]) -> None:
    ran = cli("posts", "list", *arguments, "--json")
    assert ran.exit_code == 2
    assert ran.error["hint"]


def test_posts_list__says_so_when_there_are_none(cli: Cli) -> None:
    assert cli("posts", "list").stdout == "no posts\n"


def test_posts_show_and_list__survive_hand_edited_rows(cli: Cli, db: Database, stub: int) -> None:
    cli("posts", "add", "--account", stub, "--text", "[red]hi")
    db.connection.execute(
        """UPDATE socialcron.contents SET text = NULL, media = '[null, 3, {"source": 7}]', poll = '{}',
                  thread = '[[], null]', variants = '{"stub": "no"}', link = E'\\x1b[31m[/red]'"""
    )
    db.connection.execute("UPDATE socialcron.accounts SET platform = 'myspace'")
    for command in (["list"], ["show", 1], ["list", "--json"], ["show", 1, "--json"]):
        ran = cli("posts", *command)
        assert (ran.exit_code, ran.stderr) == (0, "")
        assert "\x1b" not in ran.stdout


def test_posts_show__answers_an_unknown_id_with_exit_2(cli: Cli) -> None:
    for post_id in ("99", "0", "-1", "mine", str(2**63)):
        ran = cli("posts", "show", "--json", "--", post_id)
        assert (ran.exit_code, json.loads(ran.stdout)["error"]["code"]) == (2, "usage")


@pytest.mark.parametrize(
    "link", ["shop.example", "javascript:alert(1)", "https://", "https://a b", "https://[::1"]
)
def test_posts_add__refuses_a_link_that_is_no_url(cli: Cli, db: Database, stub: int, link: str) -> None:
    ran = cli("posts", "add", "--account", stub, "--text", "See", "--link", link, "--json")

    assert (ran.exit_code, count(db, "posts")) == (65, 0)
    assert f"link: {link!r} is not an http(s) URL" in ran.error["message"]


def test_posts_add__refuses_an_empty_key_which_would_guard_nothing(cli: Cli, db: Database, stub: int) -> None:
    ran = cli("posts", "add", "--account", stub, "--text", "Hello", "--key", "", "--json")

    assert (ran.exit_code, count(db, "posts")) == (65, 0)
    assert ran.error["message"] == "the key is empty"
