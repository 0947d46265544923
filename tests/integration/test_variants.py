"""One content that differs by platform: on the command line, in files, in plain SQL, and in what goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from socialcron.store.engine import Database
from tests.conftest import Cli
from tests.world import World


@pytest.fixture
def stub(cli: Cli) -> int:
    return int(cli("accounts", "add", "stub", "--handle", "me", "--json").data["id"])


def variants(db: Database) -> Any:
    row = db.connection.execute(
        "SELECT variants FROM socialcron.contents ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    return row[0]


def add(cli: Cli, accounts: int | list[int], *differences: str) -> Any:
    where = [
        part for id in (accounts if isinstance(accounts, list) else [accounts]) for part in ("--account", id)
    ]
    given = [part for difference in differences for part in ("--for", difference)]
    return cli("posts", "add", *where, "--text", "Hello", "--json", *given)


def test_posts_add__collects_what_differs_by_platform(cli: Cli, db: Database, world: World) -> None:
    ran = add(
        cli,
        [world.account("x"), world.account("bluesky")],
        "x.text=Short = sweet",
        "x.media=https://img.example/a.png",
        "x.media=https://img.example/b.png",
        "x.alt=An a",
        "x.thread=two",
        "bluesky.link=https://a.example/?q=1",
        "bluesky.first_comment=more",
    )
    assert ran.exit_code == 0, ran.stdout
    assert variants(db) == {
        "x": {
            "text": "Short = sweet",
            "media": [
                {"source": "https://img.example/a.png", "alt": "An a"},
                {"source": "https://img.example/b.png"},
            ],
            "thread": [{"text": "two"}],
        },
        "bluesky": {"link": "https://a.example/?q=1", "first_comment": "more"},
    }


@pytest.mark.parametrize(
    ("difference", "exit_code", "words"),
    [
        ("x.text", 2, "is not PLATFORM.FIELD=VALUE"),
        ("text=hi", 2, "is not PLATFORM.FIELD=VALUE"),
        ("myspace.text=hi", 2, "Known platforms"),
        ("x.loudness=11", 2, "x takes: "),
        ("x.alt=A cat", 65, "Give the media again"),
    ],
)
def test_posts_add__names_what_a_platform_does_not_have(
    cli: Cli, stub: int, difference: str, exit_code: int, words: str
) -> None:
    ran = add(cli, stub, difference)
    assert ran.exit_code == exit_code
    assert words in f"{ran.error['message']} {ran.error['hint']}"


@pytest.mark.parametrize("difference", ["tiktok.privacy_level=SELF_ONLY", "x.text=Short"])
def test_posts_add_and_edit__refuse_a_difference_that_nobody_would_see(
    cli: Cli, db: Database, stub: int, difference: str
) -> None:
    """Most likely an account was left out, or another platform is meant."""
    refused = add(cli, stub, difference)
    assert refused.exit_code == 2
    assert "no account of this post is on" in refused.error["message"]
    assert "Its accounts are on: stub." in refused.error["hint"]
    assert cli("posts", "list", "--json").data["posts"] == []

    post_id = add(cli, stub, "stub.text=Hi").data["posts"][0]["id"]
    assert cli("posts", "edit", post_id, "--for", difference, "--json").error == refused.error
    assert variants(db) == {"stub": {"text": "Hi"}}


def test_posts_edit__an_empty_value_takes_a_difference_away(cli: Cli, db: Database, world: World) -> None:
    post_id = add(cli, world.account("x"), "x.text=Short", "x.link=https://a.example").data["posts"][0]["id"]
    assert cli("posts", "edit", post_id, "--for", "x.text=").exit_code == 0
    assert variants(db) == {"x": {"link": "https://a.example"}}
    assert cli("posts", "edit", post_id, "--for", "x.link=", "--for", "tiktok.title=").exit_code == 0
    assert variants(db) == {}


def test_posts_import__takes_differences_as_columns(
    cli: Cli, db: Database, stub: int, tmp_path: Path
) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(
        "account,text,x.text,x.media,variants\n"
        '1,Hello,Short,https://img.example/a.png;https://img.example/b.png,"{""x"": {""link"": ""https://a.example""}}"\n'
    )
    assert cli("posts", "import", path).exit_code == 0
    assert variants(db) == {
        "x": {
            "text": "Short",
            "link": "https://a.example",
            "media": [{"source": "https://img.example/a.png"}, {"source": "https://img.example/b.png"}],
        }
    }
    path.write_text("account,text,myspace.text\n1,Hello,Short\n")
    assert "unknown columns: 'myspace.text'" in cli("posts", "import", path).stderr


def test_post_due__says_on_each_platform_what_is_meant_for_it(world: World, cli: Cli) -> None:
    mastodon, bluesky = world.account("mastodon"), world.account("bluesky")
    differences = {"bluesky": {"text": "Hello, sky"}}
    for account in (mastodon, bluesky):
        world.post(account, "Hello", variants=differences)
    assert cli("post-due").exit_code == 0
    assert [post["text"] for post in world.sandbox.posts("mastodon")] == ["Hello"]
    assert [post["text"] for post in world.sandbox.posts("bluesky")] == ["Hello, sky"]


def test_post_due__sends_what_only_a_platform_has_to_say(world: World, cli: Cli) -> None:
    """A content without common text is due as well, and a later edit of a variant makes it so."""
    post_id = world.post(world.account("mastodon"), None, variants={"mastodon": {"text": "Only here"}})
    empty = world.post(world.account("mastodon", "you"), None, variants={"mastodon": {"options": {}}})
    assert cli("post-due", "--json").data["posted"] == 1
    assert world.row(post_id)["status"] == "posted"
    assert world.row(empty)["ready_at"] is None
    world.run(
        'UPDATE socialcron.contents SET variants = \'{"mastodon": {"text": "At last"}}\''
        " WHERE id = (SELECT content_id FROM socialcron.posts WHERE id = %s)",
        empty,
    )
    assert cli("post-due", "--json").data["posted"] == 1
