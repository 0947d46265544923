"""A run that dies anywhere while it tells what happened: each event arrives once or more, never not at all.

Real processes and receivers on loopback; leases are moved, never waited for.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from socialcron.store.secrets import KeyRing
from tests.chaos import children
from tests.chaos.children import Child, Ended, Trap
from tests.integration.test_events import become
from tests.receivers import Receiver, mailbox, receiver
from tests.world import World

DELIVER = ["subscriptions", "deliver", "--json"]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789abcdef"

Run = Callable[..., Ended]


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def run(*words: str, trap: Trap | None = None) -> Ended:
        return children.run(words or DELIVER, environment, trap)

    return run


@pytest.fixture
def shop(world: World) -> Iterator[Receiver]:
    with receiver() as running:
        subscribe(world, "webhook", {"url": running.url, "secret": SECRET})
        yield running


def subscribe(world: World, channel: str, address: dict[str, str]) -> None:
    world.run(
        "INSERT INTO socialcron.subscriptions (name, channel, address, events, digest_seconds)"
        " VALUES (%s, %s, %s, '{posted,failed}', CASE WHEN %s = 'notification' THEN 900 END)",
        channel,
        channel,
        KeyRing(world.settings.secret_key).encrypt(address),
        channel,
    )


def fail(world: World, count: int) -> None:
    account = world.account("stub")
    for _ in range(count):
        become(world, world.post(account, due="'2030-01-02+00'"), "failed")


def event_ids(world: World) -> set[str]:
    return {
        str(id) for (id,) in world.db.connection.execute(b"SELECT event_id FROM socialcron.events").fetchall()
    }


def open_deliveries(world: World) -> int:
    query = (
        "SELECT count(*) FROM socialcron.deliveries WHERE status <> 'delivered' OR claim_token IS NOT NULL"
    )
    return int(world.value(query))


def leases_end(world: World) -> None:
    world.run(
        "UPDATE socialcron.deliveries SET lease_until = now(), next_at = now() WHERE next_at IS NOT NULL"
    )
    world.run("UPDATE socialcron.subscriptions SET quiet_until = NULL")


def test_killed_at_any_call(world: World, run: Run, shop: Receiver) -> None:
    fail(world, 3)
    calls = run().calls
    assert sum(call.startswith("http POST") for call in calls) == 3
    for number in range(1, len(calls) + 1):
        world.run("UPDATE socialcron.deliveries SET status = 'waiting', tries = 0, next_at = now()")
        shop.posted.clear()
        harm: children.Harm = "before" if number % 2 else "after"
        assert run(trap=Trap(number, harm)).exit_code == -signal.SIGKILL
        leases_end(world)
        assert run().exit_code == 0
        assert {posted.event_id for posted in shop.posted} == event_ids(world), number
        assert open_deliveries(world) == 0, number


@pytest.mark.parametrize("harm", ["before", "after"])
def test_killed_between_the_answer_and_the_record__repeats_under_the_same_id(
    world: World, run: Run, shop: Receiver, harm: children.Harm
) -> None:
    fail(world, 1)
    assert run(trap=Trap("record_delivered", harm)).exit_code == -signal.SIGKILL
    assert len(shop.posted) == 1
    assert run().data["claimed"] == 0  # the lease holds

    leases_end(world)
    run()
    again = harm == "before"
    assert [posted.event_id for posted in shop.posted] == [*event_ids(world)] * (1 + again)
    assert len({posted.body for posted in shop.posted}) == 1


@pytest.mark.parametrize("harm", ["lost", "never"])
def test_an_answer_that_is_lost__is_a_failed_try(
    world: World, run: Run, shop: Receiver, harm: children.Harm
) -> None:
    fail(world, 1)
    assert run(trap=Trap("http POST", harm)).data["retried"] == 1
    leases_end(world)
    assert run().data["delivered"] == 1
    assert len(shop.posted) == (2 if harm == "lost" else 1)


def test_what_a_run_did_before_it_died__is_told_by_the_next_one(
    world: World, run: Run, shop: Receiver
) -> None:
    post = world.post(world.account("stub"))
    assert run("post-due", trap=Trap("due_subscriptions", "before")).exit_code == -signal.SIGKILL
    assert world.row(post)["status"] == "posted"
    assert shop.posted == []

    assert run("reset-ratelimits").exit_code == 0
    assert [posted.json["data"]["post_id"] for posted in shop.posted] == [post]


def test_the_database_gone_while_telling__does_not_change_the_run(
    world: World, run: Run, shop: Receiver
) -> None:
    world.post(world.account("stub"))
    ended = run("post-due", "--json", trap=Trap("claim_delivery", "cut"))
    assert (ended.exit_code, ended.data["posted"]) == (0, 1)
    assert "watching_failed" in ended.log

    leases_end(world)
    run()
    assert {posted.event_id for posted in shop.posted} == event_ids(world)


@pytest.mark.parametrize(
    ("query", "harm"),
    [("claim_digest", "after"), ("record_delivered", "before"), ("record_delivered", "after")],
)
def test_killed_around_a_message__sends_it_once_or_more(
    world: World, run: Run, query: str, harm: children.Harm
) -> None:
    with mailbox() as box:
        subscribe(
            world,
            "notification",
            {"url": f"mailto://127.0.0.1:{box.port}?from=a@example.com&to=b@example.com"},
        )
        fail(world, 3)
        assert run(trap=Trap(query, harm)).exit_code == -signal.SIGKILL
        leases_end(world)
        run()

        assert {mail["Subject"] for mail in box.mails} == {"socialcron: 3 failed"}
        assert len(box.mails) == (2 if (query, harm) == ("record_delivered", "before") else 1)
        assert open_deliveries(world) == 0


def test_sigterm__records_what_was_begun_and_leaves_the_rest_to_the_next_run(
    world: World, run: Run, shop: Receiver, environment: dict[str, str]
) -> None:
    running: list[Child] = []
    shop.when(1, lambda: running[0].signal(signal.SIGTERM))
    fail(world, 30)
    running.append(children.start(DELIVER, environment))
    ended = running[0].wait()

    assert (ended.exit_code, ended.data["claimed"]) == (75, ended.data["delivered"]), ended.log
    assert 1 <= ended.data["delivered"] == len(shop.posted) < 30
    assert run().data["delivered"] == 30 - ended.data["delivered"]
    assert len(shop.posted) == len({posted.event_id for posted in shop.posted}) == 30
