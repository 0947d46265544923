"""collect-metrics: who is read when, what is stored under which slot, and what trouble changes.

The stub stands for a platform with batches of three; what it answers is told by each test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from socialcron.batches.ladder import DEFAULT, parse_ladder
from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, RateLimited, Unavailable
from socialcron.model import Closed, Gone, Reading
from socialcron.platforms.base import Metrics
from socialcron.platforms.stub import Stub
from socialcron.store import metrics
from socialcron.store.engine import Database
from tests.conftest import Cli
from tests.world import World

LADDER = parse_ladder(DEFAULT)


@dataclass
class Audience:
    """The numbers of all posts: each request adds one view. `answer` replaces the whole answer."""

    views: int = 0
    asked: list[list[str]] = field(default_factory=list)
    answer: Callable[[Sequence[str]], Mapping[str, Reading | Gone | Closed]] | PlatformError | None = None

    def read(self, ids: Sequence[str]) -> Mapping[str, Reading | Gone | Closed]:
        self.asked.append(list(ids))
        self.views += 1
        if isinstance(self.answer, PlatformError):
            raise self.answer
        if self.answer is not None:
            return self.answer(ids)
        return {remote_id: Reading(views=self.views, likes=0, raw={"n": self.views}) for remote_id in ids}


@pytest.fixture
def audience(monkeypatch: pytest.MonkeyPatch) -> Audience:
    audience = Audience()
    measured = Metrics(
        batch_size=3, counts=frozenset({"views", "likes"}), source="https://stub.example", date="2026-11-01"
    )
    monkeypatch.setattr(Stub, "declaration", replace(Stub.declaration, metrics=measured))
    monkeypatch.setattr(Stub, "read_metrics", lambda self, ids, session: audience.read(ids), raising=False)
    return audience


def published(world: World, cli: Cli, count: int = 1, handle: str = "me") -> list[int]:
    """Posts that came out just now."""
    account = world.account("stub", handle)
    posts = [world.post(account, f"{handle} {number}") for number in range(count)]
    assert cli("post-due", "--json").data["posted"] == count
    return posts


def age(world: World, hours: float) -> None:
    """Let every published post, and the pace of the app, be that much older."""
    step = f"interval '{hours} hours'"
    world.run(
        "SELECT socialcron.ensure_partitions('post_metrics', VARIADIC"
        "  ARRAY(SELECT generate_series(now() - interval '6 months', now(), interval '1 month')))"
    )
    world.run(
        f"UPDATE socialcron.metric_schedules SET posted_at = posted_at - {step}, next_at = next_at - {step},"
        f" lease_until = lease_until - {step};"
        f"UPDATE socialcron.post_metrics SET slot_at = slot_at - {step};"
        f"UPDATE socialcron.rate_limits SET tat = tat - {step}"
    )


def collect(cli: Cli, *options: object) -> dict[str, Any]:
    ran = cli("collect-metrics", "--json", *options)
    assert ran.exit_code == 0, ran.stderr
    data: dict[str, Any] = ran.data
    return data


def rows(db: Database, query: str) -> list[tuple[Any, ...]]:
    return db.connection.execute(query.encode()).fetchall()


def ages(db: Database) -> list[float]:
    """Of the slots that were read, in hours after posting."""
    found = rows(
        db,
        "SELECT extract(epoch FROM m.slot_at - s.posted_at)::float8 / 3600 FROM socialcron.post_metrics AS m"
        " JOIN socialcron.metric_schedules AS s USING (post_id) ORDER BY 1",
    )
    return [round(hours, 6) for (hours,) in found]


def test_collect_metrics__an_idle_run_says_nothing_and_leaves_a_heartbeat(world: World, cli: Cli) -> None:
    assert (cli("collect-metrics").stdout, cli("collect-metrics").exit_code) == ("", 0)
    assert rows(world.db, "SELECT DISTINCT command, idle FROM socialcron.runs") == [("collect-metrics", True)]


def test_collect_metrics__a_post_is_first_read_an_hour_after_it_came_out(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli)
    assert collect(cli)["claimed"] == 0
    age(world, 0.9)
    assert collect(cli)["claimed"] == 0
    age(world, 0.1)
    data = collect(cli)
    assert (data["read"], data["requests"]) == (1, 1)
    ((views, likes, comments, raw),) = rows(
        world.db, "SELECT views, likes, comments, raw FROM socialcron.post_metrics"
    )
    assert (views, likes, comments, raw) == (1, 0, None, {"n": 1})
    assert ages(world.db) == [1]
    assert collect(cli)["claimed"] == 0


def test_collect_metrics__walks_the_whole_ladder_and_stops(
    world: World, cli: Cli, audience: Audience
) -> None:
    """With a run each half hour, as rows are moved: exactly the readings the ladder promises, each under its slot."""
    published(world, cli)
    collect(cli)
    before = 0.0
    for slot in LADDER.slots:
        hours = slot / 3600
        age(world, hours - before - 0.01)
        assert collect(cli)["claimed"] == 0
        age(world, 0.01)
        assert collect(cli)["read"] == 1
        before = hours
    assert ages(world.db) == [slot / 3600 for slot in LADDER.slots]
    age(world, 24 * 100)
    assert collect(cli)["claimed"] == 0
    assert rows(world.db, "SELECT next_at FROM socialcron.metric_schedules") == [(None,)]
    views = [
        views for (views,) in rows(world.db, "SELECT views FROM socialcron.post_metrics ORDER BY slot_at")
    ]
    assert views == list(range(1, len(LADDER.slots) + 1))


def test_collect_metrics__slots_missed_while_nothing_ran_are_skipped(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli)
    collect(cli)
    age(world, 5.5)
    collect(cli)
    assert ages(world.db) == [5]
    age(world, 0.5)
    collect(cli)
    assert ages(world.db) == [5, 6]


def test_collect_metrics__a_post_older_than_the_ladder_is_never_read(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli)
    age(world, 24 * 31)
    assert collect(cli)["claimed"] == 0
    assert rows(world.db, "SELECT next_at FROM socialcron.metric_schedules") == [(None,)]


def test_collect_metrics__asks_in_the_platforms_batches_freshest_first(
    world: World, cli: Cli, audience: Audience
) -> None:
    old = published(world, cli, 2, "old")
    age(world, 48)
    new = published(world, cli, 4, "new")
    age(world, 1)
    assert (collect(cli, "--concurrency", 1)["read"], len(audience.asked)) == (6, 3)
    names = dict(rows(world.db, "SELECT remote_id, id FROM socialcron.posts"))
    assert [{names[remote_id] for remote_id in batch} <= set(new) for batch in audience.asked] == [
        True,
        True,
        False,
    ]
    assert sorted(names[remote_id] for remote_id in audience.asked[2]) == old


def test_collect_metrics__takes_the_limit_freshest_first(world: World, cli: Cli, audience: Audience) -> None:
    old = published(world, cli, 2, "old")
    age(world, 2)
    new = published(world, cli, 2, "new")
    age(world, 1)
    assert collect(cli, "--limit", 2)["claimed"] == 2
    assert [row[0] for row in rows(world.db, "SELECT post_id FROM socialcron.post_metrics ORDER BY 1")] == new
    assert collect(cli)["read"] == 2
    assert len(old) == 2


def test_collect_metrics__keeps_what_came_of_a_partial_answer(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli, 3)
    age(world, 1)
    audience.answer = lambda ids: {ids[0]: Reading(views=7), ids[1]: Gone()}
    data = collect(cli)
    assert (data["read"], data["gone"], data["unanswered"]) == (1, 1, 1)
    gone = rows(world.db, "SELECT next_at FROM socialcron.metric_schedules WHERE gone_at IS NOT NULL")
    assert gone == [(None,)]
    audience.answer = None
    age(world, 0.1)
    assert collect(cli)["read"] == 1
    assert ages(world.db) == [1, 1]
    assert cli("collect-metrics", "--strict").exit_code == 0


def test_collect_metrics__a_post_whose_counts_nobody_may_see_is_asked_about_once(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli, 2)
    age(world, 1)
    audience.answer = lambda ids: {ids[0]: Reading(views=7), ids[1]: Closed(AuthExpired("no scope for it"))}
    data = collect(cli, "--strict")
    assert (data["read"], data["closed"], data["failed"]) == (1, 1, 0)
    closed = rows(
        world.db,
        "SELECT next_at, gone_at, error_class FROM socialcron.metric_schedules WHERE last_error ~ 'no scope'",
    )
    assert closed == [(None, None, "auth_expired")]
    audience.answer = None
    age(world, 1)
    assert collect(cli)["claimed"] == 1


def test_collect_metrics__a_slot_nobody_answered_four_times_is_lost_and_the_next_one_is_read(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli)
    age(world, 1)
    audience.answer = lambda ids: {}
    for _ in range(4):
        assert collect(cli)["unanswered"] == 1
        age(world, 0.2)
    assert collect(cli)["claimed"] == 0
    audience.answer = None
    age(world, 0.3)
    assert collect(cli)["read"] == 1
    assert ages(world.db) == [2]


@pytest.mark.parametrize(
    ("trouble", "outcome", "minutes"),
    [
        (Unavailable("no route"), "failed", 2),
        (PlatformFailure("odd", retryable=True), "failed", 2),
        (PlatformFailure("odd", retryable=False), "failed", 60),
        (AuthExpired("no scope"), "failed", 60),
        (RateLimited("slow down", retry_after=600), "released", 10),
    ],
)
def test_collect_metrics__trouble_puts_the_reading_off_and_never_touches_the_account(
    world: World, cli: Cli, audience: Audience, trouble: PlatformError, outcome: str, minutes: float
) -> None:
    published(world, cli)
    age(world, 1)
    audience.answer = trouble
    assert collect(cli)[outcome] == 1
    ((seconds, error_class, token),) = rows(
        world.db,
        "SELECT extract(epoch FROM next_at - now())::float8, error_class, claim_token FROM socialcron.metric_schedules",
    )
    assert seconds / 60 == pytest.approx(minutes, rel=0.3)
    assert (error_class, token) == (trouble.error_class, None)
    assert rows(world.db, "SELECT status, blocked_until FROM socialcron.accounts") == [("active", None)]


def test_collect_metrics__what_a_killed_run_held_is_read_when_its_lease_is_over(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli)
    age(world, 1)
    claim = {"slots": LADDER.slots, "ends_after_seconds": LADDER.ends_after, "lease_seconds": 360.0}
    held = metrics.claim_due_readings(world.db, uuid4(), batch_size=9, platforms=None, **claim)  # type: ignore[arg-type]
    assert len(held) == 1
    assert collect(cli)["claimed"] == 0
    age(world, 0.11)
    assert collect(cli)["read"] == 1
    assert ages(world.db) == [1]


def test_store_readings__a_stale_run_cannot_store_what_another_one_claimed(
    world: World, cli: Cli, audience: Audience
) -> None:
    post = published(world, cli)[0]
    age(world, 1)
    claim = {"slots": LADDER.slots, "ends_after_seconds": LADDER.ends_after, "lease_seconds": 360.0}
    stale = uuid4()
    metrics.claim_due_readings(world.db, stale, batch_size=9, platforms=None, **claim)  # type: ignore[arg-type]
    age(world, 0.11)
    collect(cli)
    assert metrics.store_readings(world.db, stale, {post: Reading(views=999)}, slots=LADDER.slots) == 0
    assert rows(world.db, "SELECT views FROM socialcron.post_metrics") == [(1,)]


def test_collect_metrics__leaves_posts_alone_that_the_platform_has_yet_to_name(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli)
    age(world, 1)
    world.run("UPDATE socialcron.posts SET reconcile_at = now()")
    assert collect(cli)["claimed"] == 0
    world.run("UPDATE socialcron.posts SET reconcile_at = NULL")
    assert collect(cli)["read"] == 1


def test_collect_metrics__a_platform_without_readings_is_not_asked_again(world: World, cli: Cli) -> None:
    published(world, cli)
    age(world, 1)
    assert collect(cli)["released"] == 1
    assert rows(world.db, "SELECT next_at, gone_at FROM socialcron.metric_schedules") == [(None, None)]


def test_collect_metrics__makes_room_for_this_month_and_the_next(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli)
    age(world, 24 * 29)
    collect(cli)
    partitions = {
        name
        for (name,) in rows(
            world.db,
            "SELECT relid::regclass::text FROM pg_partition_tree('socialcron.post_metrics') WHERE isleaf",
        )
    }
    ((now,),) = rows(world.db, "SELECT now()")
    following = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    for moment in (now, following):
        assert f"socialcron.post_metrics_{moment:%Y_%m}" in partitions
    assert isinstance(now, datetime)


def test_collect_metrics__dry_run_claims_nothing(world: World, cli: Cli, audience: Audience) -> None:
    published(world, cli, 2)
    age(world, 1)
    assert "2 posts of stub account 1" in cli("collect-metrics", "--dry-run").stdout
    assert audience.asked == []
    assert collect(cli)["read"] == 2


def test_collect_metrics__a_ladder_that_cannot_be_is_a_configuration_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_METRICS_LADDER", "1h:2h")
    ran = cli("collect-metrics", "--json")
    assert ran.exit_code == 78
    assert "SOCIALCRON_METRICS_LADDER" in ran.error["message"]


def test_latest_metrics__shows_the_newest_reading_of_each_post(
    world: World, cli: Cli, audience: Audience
) -> None:
    published(world, cli, 2)
    for _ in range(3):
        age(world, 1)
        collect(cli)
    assert rows(world.db, "SELECT views FROM socialcron.latest_metrics ORDER BY post_id") == [(3,), (3,)]
    assert rows(world.db, "SELECT count(*) FROM socialcron.metrics_growth_per_day") != [(0,)]


def test_accounts_remove__takes_the_readings_along(world: World, cli: Cli, audience: Audience) -> None:
    published(world, cli, 2)
    published(world, cli, 1, "kept")
    age(world, 1)
    collect(cli)
    assert cli("accounts", "remove", 1, "--yes").exit_code == 0
    assert rows(world.db, "SELECT account_id FROM socialcron.post_metrics") == [(2,)]
    assert rows(world.db, "SELECT account_id FROM socialcron.metric_schedules") == [(2,)]
