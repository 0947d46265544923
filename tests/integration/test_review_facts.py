"""Facts that race: a late answer against recovery, a commit that ends after its client was cut off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import pytest

from socialcron.settings import Settings
from socialcron.store import posts
from socialcron.store.engine import Database
from socialcron.store.posts import ClaimRules, Draft, Fact, SendRequest
from tests.world import World

pytestmark = pytest.mark.direct("it looks for the server's process of its own connection")

RULES = ClaimRules(
    batch_size=50, look_ahead_seconds=0, lateness_seconds=86_400, catch_up_cap=10, lease_seconds=120
)
SENDING = {"lease_seconds": 90, "duplicate_window_seconds": 600, "breaker_per_hour": 60}


@pytest.fixture
def other(settings: Settings) -> Iterator[Database]:
    """Another process's connection."""
    with closing(Database.connect(settings)) as database:
        yield database


def prepared(world: World, **content: Any) -> tuple[UUID, SendRequest]:
    """A claimed post with a prepared first step."""
    token, post = uuid4(), world.post(world.account("stub"), **content)
    assert posts.claim_due_posts(world.db, token, RULES).post_ids == [post]
    draft = Draft(
        post_id=post, step=0, revision=1, key="k", handles={}, request={"text": "Hello"}, payload_hash="h"
    )
    (attempt,) = posts.open_attempts(world.db, token, [draft])
    assert attempt is not None
    account = world.row(post)["account_id"]
    return token, SendRequest(attempt=attempt, post_id=post, account_id=account, revision=1)


def sent(world: World, token: UUID, request: SendRequest) -> int:
    """The attempt, its `sending` committed."""
    (verdict,) = posts.begin_sending(world.db, token, [request], **SENDING)
    assert verdict is not None
    assert verdict.may_send
    return verdict.attempt_id


def test_begin_sending__a_lease_that_ends_before_the_deadline_is_made_longer(world: World) -> None:
    token, request = prepared(world)
    world.run("UPDATE socialcron.posts SET lease_until = now() + interval '30 seconds'")

    sent(world, token, request)

    assert world.value("SELECT lease_until > now() + interval '80 seconds' FROM socialcron.posts")


def while_it_waits(world: World, database: Database, work: Callable[[], Any], then: Callable[[], Any]) -> Any:
    """Start `work` on `database`; once it waits for a lock (or has ended) do `then`; the result of `work`."""
    with ThreadPoolExecutor(1) as pool:
        future: Future[Any] = pool.submit(work)
        give_up_at = time.monotonic() + 10
        waits = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
        while not future.done() and not world.value(waits, database.connection.info.backend_pid):
            assert time.monotonic() < give_up_at
        then()
        return future.result()


def test_record_not_sent__waits_for_a_commit_that_is_still_under_way(world: World, other: Database) -> None:
    """A commit waits for its standby, the client is cut off: the step must not stay `sending` in the queue."""
    token, request = prepared(world)
    attempt_id = request.attempt
    assert isinstance(attempt_id, int)
    params = {
        "claim_token": token,
        "post_ids": [request.post_id],
        "revisions": [1],
        "account_ids": [request.account_id],
        "attempt_ids": [attempt_id],
        **SENDING,
    }
    other.connection.execute(b"BEGIN")
    for query in ("lock_posts_for_sending", "lock_accounts_for_sending", "begin_sending"):
        assert other.rows(query, params, into=dict)

    with closing(Database(world.db._factory)) as reconnected:
        while_it_waits(
            world,
            reconnected,
            lambda: posts.record_not_sent(reconnected, [attempt_id], error="the database went away"),
            lambda: other.connection.execute(b"COMMIT"),
        )

    (attempt,) = world.attempts(request.post_id)
    assert (attempt["phase"], attempt["sends"], attempt["sending_at"]) == ("prepared", 0, None)


@pytest.mark.parametrize(("complete", "status"), [(True, "posted"), (False, "scheduled")])
def test_record_confirmed__during_recovery_leaves_a_post_that_goes_on(
    world: World, other: Database, complete: bool, status: str
) -> None:
    """The answer of a run that was taken for dead arrives while its post is being taken back."""
    token, request = prepared(world, thread=[] if complete else ["more"])
    attempt = sent(world, token, request)
    world.pass_time(30)
    other.connection.execute(b"BEGIN")
    ids = [
        row["id"]
        for row in other.rows(
            "lock_stuck_posts",
            {"threshold_seconds": 600, "batch_size": 10, "platforms": ["stub", "mastodon"]},
            into=dict,
        )
    ]
    means = {"platforms": ["stub"], "look_in_seconds": [0.0]}
    assert other.rows("settle_stuck_posts", {"post_ids": ids, **means}, into=dict)

    with closing(Database(world.db._factory)) as late:
        while_it_waits(
            world,
            late,
            lambda: posts.record_confirmed(
                late, [Fact(attempt_id=attempt, remote_id="r1", url=None, answer={}, complete=complete)]
            ),
            lambda: other.connection.execute(b"COMMIT"),
        )

    row = world.row(request.post_id)
    assert (row["status"], row["remote_id"], row["claim_token"]) == (status, "r1", None)


def test_a_handle_that_arrives_after_recovery__is_kept_and_voids_a_look_without_it(world: World) -> None:
    """A platform took the post and named it, while the database was away and another host took the run for dead."""
    token, request = prepared(world)
    attempt_id = sent(world, token, request)
    world.pass_time(30)
    means = {"stub": 0.0}
    assert posts.settle_stuck_posts(world.db, threshold_seconds=600, look_in_seconds=means)
    looking = uuid4()
    assert posts.claim_unconfirmed_posts(world.db, looking, RULES) == [request.post_id]

    for _ in range(2):
        posts.record_unknown(
            world.db,
            attempt_id,
            error="taken, and still at work",
            error_class=None,
            look_in_seconds=10.0,
            handles={"publish_id": "p1"},
        )

    (attempt,) = world.attempts(request.post_id)
    assert (attempt["phase"], attempt["handles"]) == ("unknown", {"publish_id": "p1"})
    assert posts.record_absent(world.db, looking, attempt_id, error="not there") is None
    assert world.row(request.post_id)["status"] == "unconfirmed"
