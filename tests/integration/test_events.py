"""What happens becomes an event in the transaction that makes it true, for those who asked for it, else nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.conftest import Cli
from tests.world import World


def subscribe(world: World, *kinds: str, name: str = "ops", account_id: int | None = None) -> int:
    """A webhook that nobody will call here."""
    return int(
        world.value(
            "INSERT INTO socialcron.subscriptions (name, channel, address, events, account_id)"
            " VALUES (%s, 'webhook', 'sealed', %s, %s) RETURNING id",
            name,
            list(kinds),
            account_id,
        )
    )


def told(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Kind and data of every event that somebody will be told of, in order."""
    query = (
        b"SELECT kind, data FROM socialcron.events AS e WHERE EXISTS"
        b" (SELECT FROM socialcron.deliveries AS d WHERE d.event_id = e.event_id) ORDER BY created_at"
    )
    return [(str(kind), data) for kind, data in world.db.connection.execute(query).fetchall()]


def become(world: World, post: int, status: str, **columns: Any) -> None:
    names = "".join(f", {name} = %({name})s" for name in columns)
    world.db.connection.execute(
        f"UPDATE socialcron.posts SET status = %(status)s{names} WHERE id = %(id)s".encode(),
        {"status": status, "id": post, **columns},
    )


@pytest.fixture
def post(world: World) -> int:
    return world.post(world.account("stub", "ana"), "Hello world", due="'2030-01-02 03:04:05+00'")


@pytest.mark.parametrize("status", ["posted", "failed", "missed"])
def test_a_post_that_ends__is_an_event_with_what_is_known_of_it(world: World, post: int, status: str) -> None:
    subscribe(world, status)
    become(world, post, status, error_class="network", last_error="no route", attempt=4)

    [(kind, data)] = told(world)

    assert kind == status
    assert data | {"due_at": datetime.fromisoformat(data["due_at"])} == {
        "post_id": post,
        "account_id": world.row(post)["account_id"],
        "platform": "stub",
        "handle": "ana",
        "status": status,
        "text": "Hello world",
        "external_key": None,
        "due_at": world.row(post)["due_at"],
        "posted_at": None,
        "url": None,
        "remote_id": None,
        "attempt": 4,
        "max_attempts": 4,
        "incomplete_at_step": None,
        "error_class": "network",
        "error": "no route",
        "needs_person": False,
    }


def test_times__are_in_utc_whatever_the_writer_has(world: World, post: int) -> None:
    subscribe(world, "failed")
    world.run("SET timezone = 'Asia/Kolkata'")
    become(world, post, "failed")

    assert told(world)[0][1]["due_at"] == "2030-01-02T03:04:05+00:00"


def test_nothing_is_written__where_nobody_asked(world: World, post: int) -> None:
    subscribe(world, "failed", account_id=world.account("stub", "somebody else"))
    subscribe(world, "missed", name="other")
    off = subscribe(world, "failed", name="off")
    world.run("UPDATE socialcron.subscriptions SET enabled = false WHERE id = %s", off)
    become(world, post, "failed")

    assert world.value("SELECT count(*) FROM socialcron.events") == 0


def test_one_event__is_for_all_who_asked(world: World, post: int) -> None:
    subscribe(world, "failed", "missed", name="a")
    subscribe(world, "failed", name="b", account_id=world.row(post)["account_id"])
    become(world, post, "failed")

    assert world.value("SELECT count(*) FROM socialcron.events") == 1
    assert world.value("SELECT count(*) FROM socialcron.deliveries WHERE next_at <= clock_timestamp()") == 2


def test_a_rollback__takes_the_event_with_it(world: World, post: int) -> None:
    subscribe(world, "failed")
    world.run("BEGIN")
    become(world, post, "failed")
    world.run("ROLLBACK")

    assert told(world) == []


def test_what_stays_as_it_was__is_no_event(world: World, post: int) -> None:
    subscribe(world, "posted", "failed", "missed", "unconfirmed")
    become(world, post, "failed")
    become(world, post, "failed", last_error="again")
    become(world, post, "scheduled")
    become(world, post, "cancelled")

    assert [kind for kind, _ in told(world)] == ["failed"]


def test_a_thread_that_stopped_midway__is_for_those_who_want_failures(world: World, post: int) -> None:
    subscribe(world, "failed")
    become(world, post, "posted", incomplete_at_step=2, last_error="too long")

    [(kind, data)] = told(world)
    assert (kind, data["incomplete_at_step"], data["error"]) == ("posted", 2, "too long")


# --- unconfirmed -----------------------------------------------------------------------------------------------------


def doubt(world: World, post: int, *, error_class: str | None = "unknown_outcome", ask: str | None) -> None:
    """ask: when the platform is asked, as SQL; None leaves it to a person."""
    world.run(
        f"UPDATE socialcron.posts SET status = 'unconfirmed', error_class = %s, reconcile_at = {ask or 'NULL'}"
        " WHERE id = %s",
        error_class,
        post,
    )


def due_in_minutes(world: World) -> list[int]:
    query = (
        b"SELECT round(extract(epoch FROM next_at - now()) / 60)::int FROM socialcron.deliveries ORDER BY 1"
    )
    return [minutes for (minutes,) in world.db.connection.execute(query).fetchall()]


def test_unconfirmed__waits_a_while_as_most_are_settled_by_then(world: World, post: int) -> None:
    subscribe(world, "unconfirmed")
    doubt(world, post, ask="now()")
    assert due_in_minutes(world) == [15]

    become(world, post, "posted", reconcile_at=None)

    assert told(world) == []


def test_unconfirmed__is_told_at_once_where_only_a_person_can_look(world: World, post: int) -> None:
    subscribe(world, "unconfirmed")
    doubt(world, post, ask=None)

    assert due_in_minutes(world) == [0]
    assert told(world)[0][1]["needs_person"] is True


def test_unconfirmed__is_told_once_when_it_becomes_a_persons_turn_within_the_wait(
    world: World, post: int
) -> None:
    subscribe(world, "unconfirmed")
    doubt(world, post, ask="now()")
    doubt(world, post, ask="now() + interval '5 minutes'")
    world.run("UPDATE socialcron.posts SET reconcile_at = NULL WHERE id = %s", post)

    assert [data["needs_person"] for _, data in told(world)] == [True]
    assert due_in_minutes(world) == [0]


def test_unconfirmed__is_told_again_when_it_becomes_a_persons_turn_later(world: World, post: int) -> None:
    subscribe(world, "unconfirmed")
    doubt(world, post, ask="now()")
    world.run("UPDATE socialcron.deliveries SET status = 'delivered', tries = 1, next_at = NULL")
    world.run("UPDATE socialcron.posts SET reconcile_at = NULL WHERE id = %s", post)

    assert [data["needs_person"] for _, data in told(world)] == [False, True]


def test_unconfirmed__is_none_while_a_platform_merely_decides_later(world: World, post: int) -> None:
    subscribe(world, "unconfirmed")
    doubt(world, post, error_class=None, ask="now()")
    assert told(world) == []

    world.run("UPDATE socialcron.posts SET reconcile_at = NULL WHERE id = %s", post)  # two days later

    assert [data["needs_person"] for _, data in told(world)] == [True]


def test_an_event_on_its_way__is_not_waited_for(world: World, post: int, settings: Any) -> None:
    from socialcron.store.engine import Database

    subscribe(world, "unconfirmed")
    doubt(world, post, ask="now()")
    other = Database.connect(settings)
    try:
        with other.transaction():
            other.connection.execute(b"SELECT FROM socialcron.deliveries FOR UPDATE")
            world.run("SET lock_timeout = '1s'")
            become(world, post, "posted", reconcile_at=None)
    finally:
        other.close()

    assert world.row(post)["status"] == "posted"
    assert [kind for kind, _ in told(world)] == ["unconfirmed"]


# --- accounts and profiles -------------------------------------------------------------------------------------------


def test_needs_reconnect__is_an_event_of_its_account(world: World) -> None:
    account = world.account("stub", "ana")
    subscribe(world, "needs_reconnect", account_id=account)
    world.run(
        "UPDATE socialcron.accounts SET status = 'needs_reconnect', last_error = 'token refused' WHERE id = %s",
        account,
    )
    world.run("UPDATE socialcron.accounts SET status = 'needs_reconnect' WHERE id = %s", account)

    expected = {"account_id": account, "platform": "stub", "handle": "ana", "status": "needs_reconnect"}
    assert told(world) == [("needs_reconnect", expected | {"error": "token refused"})]


@pytest.mark.parametrize(("status", "events"), [("failed", 1), ("completed", 0), ("pending", 0)])
def test_monitoring_failed__is_an_event_once_a_run_has_ended_so(
    world: World, status: str, events: int
) -> None:
    subscribe(world, "monitoring_failed")
    subscribe(world, "monitoring_failed", name="of-one-account", account_id=world.account("stub"))
    profile = world.value(
        "INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', 'nasa') RETURNING id"
    )
    world.run("INSERT INTO socialcron.monitoring_runs (profile_id, status) VALUES (%s, 'running')", profile)
    world.run(
        "UPDATE socialcron.monitoring_runs SET status = %s, error_class = 'network', error = 'no route'",
        status,
    )

    found = told(world)
    assert [kind for kind, _ in found] == ["monitoring_failed"] * events
    assert world.value("SELECT count(*) FROM socialcron.deliveries") == events
    for _, data in found:
        assert (data["profile_id"], data["handle"], data["error"]) == (profile, "nasa", "no route")


def test_a_real_run__makes_the_events(world: World, cli: Cli) -> None:
    subscribe(world, "posted", "missed")
    account = world.account("stub")
    out, late = world.post(account), world.post(account, "late", due="now() - interval '3 days'")
    assert cli("post-due", "--json").data["posted"] == 1

    assert {(kind, data["post_id"]) for kind, data in told(world)} == {("posted", out), ("missed", late)}


def test_a_lost_answer__is_told_only_while_nobody_knows(world: World, cli: Cli) -> None:
    subscribe(world, "unconfirmed")
    post = world.post(world.account("mastodon"))
    world.sandbox.fault("accept_then_drop", visible_only=True, count=1)
    assert cli("post-due", "--json").data["unconfirmed"] == 1
    assert (due_in_minutes(world), told(world)[0][1]["needs_person"]) == ([15], False)

    assert cli("post-due", "--json").data["reconciled"] == 1
    assert (world.row(post)["status"], told(world)) == ("posted", [])


def test_a_lost_answer_that_nobody_can_ask_about__is_told_at_once(world: World, cli: Cli) -> None:
    subscribe(world, "unconfirmed")
    account = world.account("telegram")
    world.run(
        "UPDATE socialcron.accounts SET settings = settings || jsonb_build_object('chat_id', external_id)"
        " WHERE id = %s",
        account,
    )
    post = world.post(account)
    world.sandbox.fault("accept_then_drop", visible_only=True, count=1)
    assert cli("post-due", "--json").data["unconfirmed"] == 1
    [(_, data)] = told(world)
    assert (data["post_id"], data["needs_person"], due_in_minutes(world)) == (post, True, [0])

    assert cli("posts", "resolve", post, "--failed").exit_code == 0  # whoever does this knows it already
    assert told(world) == []


def test_a_platform_that_decides_later__is_no_event_until_it_is_out(world: World, cli: Cli) -> None:
    subscribe(world, "posted", "unconfirmed")
    post = world.post(world.account("google_business"))
    assert cli("post-due", "--json").data["accepted"] == 1
    assert told(world) == []
    assert world.row(post)["status"] == "unconfirmed"


def test_refused_tokens__are_told_with_the_post_they_cost(world: World, cli: Cli) -> None:
    subscribe(world, "failed", "needs_reconnect")
    account = world.account("mastodon")
    post = world.post(account)
    world.sandbox.fault("expired_token")
    assert cli("post-due", "--json").data["failed"] == 1

    found = dict(told(world))
    assert found["failed"]["post_id"] == post
    assert found["failed"]["error_class"] == "auth_expired"
    assert found["needs_reconnect"]["account_id"] == account
