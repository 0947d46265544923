"""What runs log: each line says where it comes from, and those of a post say which, where and at which try."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Cli, Ran
from tests.world import World

COMMON = {"time", "level", "service", "command", "event", "run_id"}


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:]
    yield
    root.handlers[:] = before


def lines(ran: Ran) -> list[dict[str, Any]]:
    """Every line of stderr: each is a document."""
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_every_line__says_where_it_comes_from(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    good, lost = world.account("mastodon"), world.account("x")
    world.sandbox.fault("5xx", platform="x", visible_only=True, count=1)
    posts = [world.post(account, "Hello") for account in (good, lost)]
    posts.append(world.post(good, "too long " * 1000))

    found = lines(cli("post-due", "--json"))

    assert all(line.keys() >= COMMON for line in found)
    assert {(line["service"], line["command"]) for line in found} == {("socialcron", "post-due")}
    assert len({line["run_id"] for line in found}) == 1
    assert {line["level"] for line in found} >= {"info", "warning", "error"}
    told = [line for line in found if str(line["event"]).startswith("post_")]
    assert {line["post_id"] for line in told} == set(posts)
    assert all(line.keys() >= {"platform", "account_id", "post_id", "attempt"} for line in told)


def test_text__is_one_line_per_event_and_uncoloured(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "text")
    world.post(world.account("mastodon"), "too long\n" * 1000)

    ran = cli("post-due")

    claimed, line = ran.stderr.splitlines()
    assert claimed.endswith("claimed posts=1 unconfirmed=0")
    assert re.match(
        r"\d\d:\d\d:\d\d error   \[post-due\] post_failed platform=mastodon account_id=1 post_id=1 ", line
    )
    assert "\x1b" not in line


def test_without_a_choice__what_is_no_terminal_gets_json(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOG_FORMAT")
    world.post(world.account("stub"))

    assert {line["event"] for line in lines(cli("post-due"))} == {
        "claimed",
        "stub_published",
        "post_published",
    }
