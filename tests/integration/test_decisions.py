"""What a failure means for a post: tried again, failed, unconfirmed, or posted up to a step."""

from __future__ import annotations

from typing import Any

import pytest

from socialcron.store.secrets import KeyRing
from tests.conftest import Cli
from tests.world import World


def minutes_until(world: World, column: str, post: int) -> float:
    return float(
        world.value(
            f"SELECT extract(epoch FROM {column} - now()) / 60 FROM socialcron.posts WHERE id = %s", post
        )
    )


def test_rate_limit__costs_no_attempt_and_blocks_the_account_for_as_long_as_the_platform_says(
    world: World, cli: Cli
) -> None:
    account = world.account("mastodon")
    first, second = world.post(account, "one"), world.post(account, "two")
    world.sandbox.fault("429", visible_only=True, retry_after=600)

    ran = cli("post-due", "--json")

    assert (ran.data["retried"], ran.data["released"]) == (1, 1), ran.stderr
    row = world.row(first)
    assert (row["status"], row["attempt"], row["error_class"]) == ("scheduled", 0, "rate_limited")
    assert 9 < minutes_until(world, "ready_at", first) < 11
    assert world.row(second)["attempt"] == 0
    assert world.value("SELECT blocked_until > now() + interval '9 minutes' FROM socialcron.accounts")
    assert cli("post-due", "--json").data["claimed"] == 0

    world.sandbox.clear_faults()
    world.pass_time(11)
    assert cli("post-due", "--json").data["posted"] == 2


def test_network_trouble__is_tried_again_after_2_4_and_8_minutes_then_failed(world: World, cli: Cli) -> None:
    post = world.post(world.account("mastodon", settings={"base_url": "http://127.0.0.1:1"}))

    waits = []
    for _ in range(3):
        assert cli("post-due", "--json").data["retried"] == 1
        waits.append(minutes_until(world, "ready_at", post))
        world.pass_time(10)
    assert cli("post-due", "--json").data["failed"] == 1

    assert [round(wait / 2**n, 1) for n, wait in enumerate(waits)] == pytest.approx([2, 2, 2], rel=0.11)
    row = world.row(post)
    assert (row["status"], row["attempt"], row["error_class"]) == ("failed", 4, "network")
    assert "could not be reached" in row["last_error"] or "failed" in row["last_error"]


def test_refused_token__fails_the_post_and_asks_for_a_reconnect(world: World, cli: Cli) -> None:
    account = world.account("mastodon")
    post, other = world.post(account, "one"), world.post(account, "two")
    world.sandbox.platforms["mastodon"].tokens.clear()

    ran = cli("post-due", "--json")

    assert (ran.data["failed"], ran.data["released"]) == (1, 1)
    assert world.row(post)["error_class"] == "auth_expired"
    assert world.row(other)["status"] == "scheduled"
    assert world.value("SELECT status FROM socialcron.accounts") == "needs_reconnect"
    assert cli("post-due", "--json").data["claimed"] == 0


@pytest.mark.parametrize(("platform", "length"), [("mastodon", 501), ("bluesky", 301), ("x", 281)])
def test_text_too_long__fails_at_once_naming_measure_and_limit(
    world: World, cli: Cli, platform: str, length: int
) -> None:
    post = world.post(world.account(platform), "a" * length)

    assert cli("post-due", "--json").data["failed"] == 1

    row = world.row(post)
    assert (row["status"], row["error_class"], row["attempt"]) == ("failed", "invalid_content", 1)
    assert str(length) in row["last_error"]
    assert str(length - 1) in row["last_error"]
    assert world.sandbox.posts(platform) == []


def test_a_later_step_refused_for_good__leaves_the_post_posted_up_to_there_and_a_retry_goes_on(
    world: World, cli: Cli
) -> None:
    account = world.account("mastodon")
    post = world.post(account, "one", thread=["two", "three"])
    world.run(
        "UPDATE socialcron.contents SET thread = %s",
        '["two", {"text": "three", "media": [{"source": "no-such-file.png"}]}]',
    )

    ran = cli("post-due", "--json", "--strict")

    assert ran.data["posted"] == 1
    assert ran.exit_code == 1
    row = world.row(post)
    assert (row["status"], row["incomplete_at_step"], row["error_class"]) == ("posted", 2, "invalid_content")
    assert "no-such-file.png" in row["last_error"]

    world.run("UPDATE socialcron.contents SET thread = %s", '["two", "three"]')
    world.run("UPDATE socialcron.posts SET status = 'scheduled', incomplete_at_step = NULL, attempt = 0")
    assert cli("post-due", "--json").data["posted"] == 1
    assert [item["text"] for item in world.sandbox.posts("mastodon")] == ["one", "two", "three"]
    assert world.row(post)["incomplete_at_step"] is None


@pytest.mark.parametrize("platform", ["mastodon", "bluesky", "x"])
@pytest.mark.parametrize("body", ["html", "empty_body", "truncated_json", "huge_body"])
def test_a_platform_answering_nonsense_to_a_read__is_tried_again(
    world: World, cli: Cli, platform: str, body: str
) -> None:
    post = world.post(world.account(platform))
    world.sandbox.fault(body, platform=platform)

    ran = cli("post-due", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert ran.data["retried"] == 1, (world.row(post), ran.stderr)
    world.sandbox.clear_faults()
    world.pass_time(3)
    assert cli("post-due", "--json").data["posted"] == 1
    assert len(world.sandbox.posts(platform)) == 1


HAND_EDITED = {
    "media": '[{"alt": "no source"}]',
    "thread": '[{"text": 5}]',
    "poll": '{"options": "a"}',
    "variants": '{"stub": [1]}',
}


@pytest.mark.parametrize("column", HAND_EDITED)
def test_a_hand_edited_row__fails_with_a_reason_and_stops_nobody(world: World, cli: Cli, column: str) -> None:
    account = world.account("stub")
    broken, sound = world.post(account, "broken"), world.post(account, "sound")
    world.run(f"UPDATE socialcron.contents SET {column} = %s WHERE text = 'broken'", HAND_EDITED[column])

    ran = cli("post-due", "--json")

    assert (ran.data["failed"], ran.data["posted"]) == (1, 1), ran.stderr
    assert column in world.row(broken)["last_error"]
    assert world.row(sound)["status"] == "posted"


def test_missed__a_first_look_after_the_lateness_window_marks_and_never_sends(world: World, cli: Cli) -> None:
    account = world.account("stub")
    old = world.post(account, "old", due="now() - interval '25 hours'")
    late = world.post(account, "late", due="now() - interval '23 hours'")

    ran = cli("post-due", "--json")

    assert (ran.data["missed"], ran.data["posted"], ran.data["claimed"]) == (1, 1, 2)
    assert world.row(old)["status"] == "missed"
    assert world.row(late)["status"] == "posted"


def test_missed__never_for_a_backoff(world: World, cli: Cli) -> None:
    post = world.post(world.account("mastodon"))
    world.sandbox.fault("5xx", method="GET")
    assert cli("post-due", "--json").data["retried"] == 1
    world.sandbox.clear_faults()
    world.pass_time(60 * 48)

    assert cli("post-due", "--json").data["posted"] == 1
    assert world.row(post)["status"] == "posted"


def test_wrong_key__exits_78_naming_the_account_and_loses_nothing(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from socialcron.store.secrets import new_key

    locked, free = world.post(world.account("mastodon")), world.post(world.account("stub"))
    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", new_key())

    ran = cli("post-due", "--json")

    assert ran.exit_code == 78
    assert "account" in ran.error["message"]
    assert ran.error["hint"]
    row = world.row(locked)
    assert (row["status"], row["attempt"]) == ("scheduled", 0)
    assert world.row(free)["status"] == "posted"


ODD_SETTINGS: list[dict[str, Any]] = [
    {"base_url": None},
    {"base_url": 5},
    {"base_url": "not a url"},
    {"base_url": "http://[broken"},
    {"visibility": 5, "language": [], "max_characters": "many", "sensitive": "x", "spoiler_text": 1},
]
ODD_CREDENTIALS: list[dict[str, Any]] = [
    {},
    {"access_token": None},
    {"access_token": 5},
    {"access_token": "a\nb"},
]


@pytest.mark.parametrize("platform", ["mastodon", "bluesky", "x"])
@pytest.mark.parametrize("odd", [*ODD_SETTINGS, *ODD_CREDENTIALS], ids=str)
def test_a_hand_edited_account__gives_its_post_a_reason_and_stops_nobody(
    world: World, cli: Cli, platform: str, odd: dict[str, Any]
) -> None:
    account = world.account(platform, settings=odd if odd in ODD_SETTINGS else None)
    if odd in ODD_CREDENTIALS:
        sealed = KeyRing(world.settings.secret_key).encrypt(odd)
        world.run("UPDATE socialcron.accounts SET credentials = %s", sealed)
    post, sound = world.post(account), world.post(world.account("stub"))

    ran = cli("post-due", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert world.row(sound)["status"] == "posted"
    row = world.row(post)
    assert row["status"] == "posted" or (row["status"] in ("failed", "scheduled") and row["last_error"]), row


def test_an_unknown_platform__is_left_to_a_host_that_knows_it(world: World, cli: Cli) -> None:
    account = world.account("stub")
    world.run("UPDATE socialcron.accounts SET platform = 'from_the_future'")
    post = world.post(account)

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["released"]) == (0, 1)
    row = world.row(post)
    assert (row["status"], row["attempt"]) == ("scheduled", 0)
    assert "platform is unknown here" in row["last_error"]


def test_a_feature_the_platform_lacks__fails_the_post_naming_it(world: World, cli: Cli) -> None:
    post = world.post(world.account("bluesky"), poll={"options": ["a", "b"]})

    assert cli("post-due", "--json").data["failed"] == 1

    row = world.row(post)
    assert (row["error_class"], row["last_error"]) == ("invalid_content", "poll: Bluesky offers no poll")


def test_a_proxys_403__says_nothing_of_the_token_and_disconnects_nobody(world: World, cli: Cli) -> None:
    post = world.post(world.account("mastodon"))
    world.sandbox.fault("html", status=403, method="GET")

    assert cli("post-due", "--json").data["retried"] == 1

    assert world.value("SELECT status FROM socialcron.accounts") == "active"
    assert "in front of the server" in world.row(post)["last_error"]
