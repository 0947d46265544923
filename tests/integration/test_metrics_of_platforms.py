"""Readings end to end: published on the stand-in of each platform that tells numbers, and read there an hour later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row

from socialcron.platforms import registry
from socialcron.platforms.base import Metrics
from socialcron.sandbox.server import Sandbox
from tests.conftest import Cli
from tests.contract.sample import Kind
from tests.integration.test_collect_metrics import age
from tests.kinds import KINDS, write_media
from tests.world import World

MEASURED = [name for name in registry.names() if registry.declaration(name).metrics]
COUNTS = ("views", "likes", "comments", "shares", "saves")
# Those whose answers tell a deleted post from one that cannot be seen just now.
TELL_OF_DELETED = {"bluesky", "mastodon", "x", "youtube"}
# At zero; of pages (saves are told of members' posts alone).
OMITTED = {("facebook", "shares"), ("linkedin", "saves")}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox.start(limited=False, media=tmp_path) as running:
        yield running


@pytest.fixture
def cli(cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    write_media(tmp_path)
    monkeypatch.setenv("SOCIALCRON_MEDIA_URL", world.sandbox.media_url)
    monkeypatch.setenv("SOCIALCRON_ALLOW_PRIVATE_MEDIA", "true")
    return cli


def first_kind(place: str) -> Kind:
    return next(kind for kind in KINDS if kind.platform == place)


def published(world: World, cli: Cli, place: str, count: int = 1) -> list[int]:
    """Posts of one account that are out, and named by the platform for good."""
    kind = first_kind(place)
    account = world.account(place, "owner", settings=kind.settings_of("owner"), **kind.account)
    if place == "x":
        world.sandbox.settings("x", duplicate_seconds=0)
    posts = [
        world.post(account, **{**kind.post, "text": f"{kind.post['text']} {number}"})
        for number in range(count)
    ]
    for _ in range(12):
        cli("post-due", "--look-ahead", 0)
        rows = [world.row(post) for post in posts]
        if all(row["status"] == "posted" and row["reconcile_at"] is None for row in rows):
            return posts
        world.pass_time(4)
        world.sandbox.advance(240)
    raise AssertionError(f"{place}: {[(row['status'], row['last_error']) for row in rows]}")


def pass_hours(world: World, hours: float) -> None:
    world.pass_time(hours * 60)
    age(world, hours)
    world.sandbox.advance(hours * 3600)


def collect(cli: Cli) -> dict[str, Any]:
    ran = cli("collect-metrics", "--json")
    assert ran.exit_code == 0, ran.stderr
    return {name: number for name, number in ran.data.items() if number and name != "requests"}


def readings(world: World, post: int) -> list[dict[str, Any]]:
    """Oldest first."""
    with world.db.connection.cursor(row_factory=dict_row) as cursor:
        query = "SELECT * FROM socialcron.post_metrics WHERE post_id = %s ORDER BY slot_at"
        return cursor.execute(query, (post,)).fetchall()


def declared(place: str) -> Metrics:
    metrics = registry.declaration(place).metrics
    assert metrics is not None
    return metrics


@pytest.mark.parametrize("place", MEASURED)
def test_collect_metrics__stores_what_the_platform_promises_to_tell(
    place: str, world: World, cli: Cli
) -> None:
    [post] = published(world, cli, place)
    pass_hours(world, 1)
    assert collect(cli) == {"claimed": 1, "read": 1}
    pass_hours(world, 23)
    assert collect(cli) == {"claimed": 1, "read": 1}
    hour, day = readings(world, post)
    told = declared(place).counts
    for name in COUNTS:
        if name not in told:
            assert (hour[name], day[name]) == (None, None)
        elif (place, name) not in OMITTED:
            assert 0 <= hour[name] <= day[name]
    largest = max(told, key=lambda name: day[name] or 0)
    assert 0 <= hour[largest] < day[largest]
    assert day["raw"]
    assert not world.sandbox.bugs


@pytest.mark.parametrize("place", MEASURED)
def test_collect_metrics__never_takes_hidden_counts_for_zeros(place: str, world: World, cli: Cli) -> None:
    [post] = published(world, cli, place)
    world.sandbox.settings(place, counts_hidden=True)
    pass_hours(world, 1)
    collect(cli)
    assert all(reading[name] is None for reading in readings(world, post) for name in COUNTS)


@pytest.mark.parametrize("place", MEASURED)
def test_collect_metrics__a_deleted_post_is_gone_where_the_platform_says_so(
    place: str, world: World, cli: Cli
) -> None:
    kept, deleted = published(world, cli, place, 2)
    world.sandbox.delete_post(place, world.row(deleted)["remote_id"])
    pass_hours(world, 1)
    outcomes = collect(cli)
    assert outcomes["read"] == 1
    gone = world.value("SELECT array_agg(post_id) FROM socialcron.metric_schedules WHERE gone_at IS NOT NULL")
    assert gone == ([deleted] if place in TELL_OF_DELETED else None)
    assert len(readings(world, kept)) == 1
    assert readings(world, deleted) == []
    assert world.row(deleted)["status"] == "posted"
    assert world.value("SELECT status FROM socialcron.accounts") == "active"


@pytest.mark.parametrize("place", MEASURED)
def test_collect_metrics__asks_in_the_batches_of_the_platform(place: str, world: World, cli: Cli) -> None:
    published(world, cli, place, 3)
    pass_hours(world, 1)
    data = cli("collect-metrics", "--json").data
    batches = 1 if declared(place).batch_size >= 3 else 3
    assert (data["read"], data["requests"]) == (3, batches * declared(place).requests)


def test_collect_metrics__a_server_without_batches_is_asked_post_by_post(world: World, cli: Cli) -> None:
    posts = published(world, cli, "mastodon-nokey", 3)
    pass_hours(world, 1)
    assert collect(cli) == {"claimed": 3, "read": 3}
    assert all(reading["likes"] is not None for post in posts for reading in readings(world, post))
    assert world.sandbox.state("mastodon-nokey")["platforms"]["mastodon-nokey"]["requests"][
        "GET /api/v1/statuses/{id}"
    ] == len(posts)
