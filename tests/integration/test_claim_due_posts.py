"""The claim: which posts it takes, in what order, whom it waits for (nobody), and when it looks again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from socialcron.settings import Settings
from socialcron.store import posts
from socialcron.store.engine import Database
from socialcron.store.posts import Claim, ClaimRules
from tests.world import World

PLAIN_INSERT = """
    WITH content AS (INSERT INTO socialcron.contents (text) VALUES ('By plain SQL') RETURNING id)
    INSERT INTO socialcron.posts (content_id, account_id) SELECT id, %s FROM content RETURNING id
"""


def claim(world: World, *, db: Database | None = None, **rules: Any) -> Claim:
    numbers: dict[str, Any] = {
        "batch_size": 50,
        "look_ahead_seconds": 0,
        "lateness_seconds": 86_400,
        "catch_up_cap": 10,
        "lease_seconds": 120,
    }
    return posts.claim_due_posts(db or world.db, uuid4(), ClaimRules(**numbers | rules))


def give_accounts_back(world: World, claimed: Claim) -> None:
    posts.release_accounts(world.db, claimed.token, claimed.account_ids)


def next_due(world: World, account: int) -> str | None:
    """When the account is looked at next: "past", minutes from now, or None."""
    seconds = world.value(
        "SELECT extract(epoch FROM next_due_at - now()) FROM socialcron.accounts WHERE id = %s", account
    )
    return None if seconds is None else "past" if seconds <= 0 else f"{round(seconds / 60)} min"


def hints(world: World) -> int:
    return int(world.value("SELECT count(*) FROM socialcron.account_wakeups"))


@pytest.fixture
def other(settings: Settings) -> Iterator[Database]:
    """Another process's connection. It waits for no lock longer than a moment."""
    with closing(Database.connect(settings)) as database:
        database.connection.execute("SET lock_timeout = '300ms'")
        yield database


# --- which ------------------------------------------------------------------------------------------------------


def test_claim_due_posts__takes_what_is_due_and_nothing_later(world: World) -> None:
    account = world.account("stub")
    due = world.post(account)
    world.post(account, due="now() + interval '1 minute'")

    claimed = claim(world)

    assert (claimed.post_ids, claimed.account_ids, claimed.missed_ids) == ([due], [account], [])
    row = world.row(due)
    assert (row["status"], row["attempt"], row["claim_token"]) == ("processing", 1, claimed.token)
    assert row["lease_until"] > row["heartbeat_at"]


def test_claim_due_posts__takes_the_oldest_first_across_accounts(world: World) -> None:
    ages = (3, 1, 5, 2, 4)
    made = {
        age: world.post(world.account("stub", f"a{age}"), due=f"now() - interval '{age} minutes'")
        for age in ages
    }

    assert set(claim(world, batch_size=2).post_ids) == {made[5], made[4]}
    assert set(claim(world, batch_size=2).post_ids) == {made[3], made[2]}


def test_claim_due_posts__takes_the_oldest_first_within_an_account(world: World) -> None:
    account = world.account("stub")
    made = {age: world.post(account, due=f"now() - interval '{age} minutes'") for age in (1, 3, 2)}

    assert claim(world, batch_size=1).post_ids == [made[3]]


def test_claim_due_posts__looks_ahead_as_far_as_told(world: World) -> None:
    account = world.account("stub")
    soon = world.post(account, due="now() + interval '30 seconds'")
    world.post(account, due="now() + interval '90 seconds'")

    assert claim(world).post_ids == []
    assert claim(world, look_ahead_seconds=60).post_ids == [soon]


def test_claim_due_posts__lets_priority_decide_only_among_what_is_due(world: World) -> None:
    account = world.account("stub")
    plain = world.post(account, due="now() - interval '2 minutes'")
    urgent = world.post(account, due="now() - interval '1 minute'", priority=5)
    world.post(account, due="now() + interval '20 seconds'", priority=9)

    for expected in (urgent, plain):
        claimed = claim(world, batch_size=1, look_ahead_seconds=60)
        assert claimed.post_ids == [expected]
        give_accounts_back(world, claimed)


def test_claim_due_posts__takes_only_the_platforms_named(world: World) -> None:
    stub, mastodon = world.account("stub"), world.account("mastodon")
    world.post(stub)
    wanted = world.post(mastodon)

    assert claim(world, platforms=["mastodon"]).post_ids == [wanted]


@pytest.mark.parametrize(
    ("stop", "start"),
    [
        ("blocked_until = now() + interval '1 hour'", "blocked_until = NULL"),
        ("status = 'disabled'", "status = 'active'"),
        ("status = 'needs_reconnect'", "status = 'active'"),
        ("autopost_enabled = false", "autopost_enabled = true"),
    ],
)
def test_claim_due_posts__leaves_out_accounts_that_may_not_post_until_they_may(
    world: World, stop: str, start: str
) -> None:
    account, other_account = world.account("stub", "a"), world.account("stub", "b")
    world.run(f"UPDATE socialcron.accounts SET {stop} WHERE id = %s", account)
    waiting, free = world.post(account), world.post(other_account)

    assert claim(world).post_ids == [free]
    assert world.row(waiting)["status"] == "scheduled"

    world.run(f"UPDATE socialcron.accounts SET {start} WHERE id = %s", account)
    assert claim(world).post_ids == [waiting]


def test_claim_due_posts__leaves_out_held_posts_until_they_are_released(world: World) -> None:
    post = world.post(world.account("stub"))
    world.run("UPDATE socialcron.posts SET held_at = now() WHERE id = %s", post)
    assert claim(world).post_ids == []

    world.run("UPDATE socialcron.posts SET held_at = NULL WHERE id = %s", post)
    assert claim(world).post_ids == [post]


def test_claim_due_posts__leaves_out_drafts_until_they_are_approved(world: World) -> None:
    post = world.post(world.account("stub"), draft=True)
    assert claim(world).post_ids == []

    world.run("UPDATE socialcron.contents SET approved_at = now()")
    assert claim(world).post_ids == [post]


def test_claim_due_posts__leaves_out_empty_posts_until_they_say_something(world: World) -> None:
    post = world.post(world.account("stub"), "")
    assert claim(world).post_ids == []

    world.run("UPDATE socialcron.contents SET text = 'Something'")
    assert claim(world).post_ids == [post]


def test_claim_due_posts__caps_what_one_account_catches_up(world: World) -> None:
    accounts = [world.account("stub", name) for name in "ab"]
    made = [
        world.post(accounts[age % 2], due=f"now() - interval '{age} minutes'") for age in range(20, 0, -1)
    ]

    claimed = claim(world, catch_up_cap=3)

    assert sorted(claimed.post_ids) == sorted(made[:6])


# --- missed -----------------------------------------------------------------------------------------------------


def test_claim_due_posts__marks_as_missed_what_it_first_sees_after_its_lateness_window(world: World) -> None:
    account = world.account("stub")
    missed = world.post(account, due="now() - interval '25 hours'")
    late = world.post(account, due="now() - interval '23 hours'")

    claimed = claim(world)

    assert (claimed.post_ids, claimed.missed_ids) == ([late], [missed])
    assert world.row(missed)["status"] == "missed"
    assert world.row(missed)["attempt"] == 0


def test_claim_due_posts__never_misses_a_post_that_was_claimed_before(world: World) -> None:
    post = world.post(world.account("stub"))
    claimed = claim(world)
    posts.return_post(
        world.db, claimed.token, post, give_back=False, retry_in_seconds=60, error_class="network"
    )
    give_accounts_back(world, claimed)
    world.pass_time(minutes=60 * 48)

    again = claim(world)

    assert (again.post_ids, again.missed_ids) == ([post], [])


# --- other runs and applications ----------------------------------------------------------------------------------


def test_claim_due_posts__skips_rows_of_another_run(world: World) -> None:
    mine = world.post(world.account("stub"))
    first = claim(world)
    give_accounts_back(world, first)

    assert first.post_ids == [mine]
    assert claim(world).post_ids == []


def test_claim_due_posts__skips_an_account_another_run_works_until_it_is_given_back(world: World) -> None:
    account = world.account("stub")
    world.post(account)
    first = claim(world)
    inserted_meanwhile = world.post(account)

    assert claim(world).post_ids == []
    give_accounts_back(world, first)
    assert claim(world).post_ids == [inserted_meanwhile]


def test_claim_due_posts__takes_the_account_of_a_run_whose_lease_is_over(world: World) -> None:
    account = world.account("stub")
    world.post(account)
    claim(world)
    later = world.post(account)
    world.pass_time(minutes=2.1)

    assert claim(world).post_ids == [later]


def test_claim_due_posts__skips_a_locked_row_and_finds_it_again(world: World, other: Database) -> None:
    account = world.account("stub")
    locked, free = world.post(account), world.post(account)
    with other.transaction():
        other.connection.execute("SELECT FROM socialcron.posts WHERE id = %s FOR UPDATE", (locked,))
        first = claim(world)
        give_accounts_back(world, first)

    assert first.post_ids == [free]
    assert claim(world).post_ids == [locked]


def test_claim_due_posts__skips_an_account_another_claim_has_locked(world: World, other: Database) -> None:
    accounts = [world.account("stub", name) for name in "ab"]
    made = [world.post(account) for account in accounts]
    with other.transaction():
        lock = "SELECT FROM socialcron.accounts WHERE id = %s FOR NO KEY UPDATE"
        other.connection.execute(lock, (accounts[0],))
        assert claim(world).post_ids == [made[1]]
    assert claim(world).post_ids == [made[0]]


def test_claim_due_posts__shares_the_work_among_claims_at_once(world: World, settings: Settings) -> None:
    made = [world.post(world.account("stub", f"a{n}")) for n in range(40)]
    claims: list[Claim] = []

    def work() -> None:
        with closing(Database.connect(settings)) as database:
            for _ in range(8):
                claims.append(claim(world, db=database, batch_size=5))

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    taken = [post for claimed in claims for post in claimed.post_ids]
    assert sorted(taken) == sorted(made)


def test_claim_due_posts__sees_past_an_application_that_is_inserting(world: World, other: Database) -> None:
    account = world.account("stub")
    due = world.post(account)
    with other.transaction():
        other.connection.execute(PLAIN_INSERT, (account,))
        claimed = claim(
            world
        )  # the insert's foreign key holds a lock on the account; FOR UPDATE would skip it

    assert claimed.post_ids == [due]


def test_claim_due_posts__does_not_lose_an_insert_that_commits_after_it_looked(
    world: World, other: Database
) -> None:
    account = world.account("stub")
    with other.transaction():
        row = other.connection.execute(PLAIN_INSERT, (account,)).fetchone()
        assert claim(world).post_ids == []

    assert row is not None
    assert claim(world).post_ids == [row[0]]


def test_claim_due_posts__lets_an_application_insert_while_it_works(world: World, other: Database) -> None:
    account = world.account("stub")
    world.post(account)
    with world.db.transaction():
        world.run("SELECT FROM socialcron.accounts FOR NO KEY UPDATE")  # what the claim holds
        world.run("UPDATE socialcron.accounts SET busy_token = gen_random_uuid()")
        inserted = other.connection.execute(PLAIN_INSERT, (account,)).fetchone()

    assert inserted is not None


# --- when to look again ---------------------------------------------------------------------------------------------


def test_claim_due_posts__is_told_by_one_hint_per_account_and_statement(world: World) -> None:
    accounts = [world.account("stub", name) for name in "ab"]
    world.run("INSERT INTO socialcron.contents (text) VALUES ('Many')")
    world.run(
        "INSERT INTO socialcron.posts (content_id, account_id, due_at)"
        " SELECT c.id, a.id, now() - n * interval '1 minute'"
        " FROM socialcron.contents AS c, socialcron.accounts AS a, generate_series(1, 10) AS n"
    )

    assert hints(world) == 2
    assert len(claim(world).post_ids) == 20
    assert hints(world) == 0
    assert [next_due(world, account) for account in accounts] == [None, None]


def test_claim_due_posts__looks_again_when_the_next_post_is_due(world: World) -> None:
    account = world.account("stub")
    world.post(account)
    world.post(account, due="now() + interval '10 minutes'")

    claim(world)

    assert next_due(world, account) == "10 min"


def test_claim_due_posts__looks_again_at_once_where_a_backlog_is_left(world: World) -> None:
    account = world.account("stub")
    for _ in range(3):
        world.post(account)

    claim(world, catch_up_cap=2)

    assert next_due(world, account) == "past"


@pytest.mark.parametrize(("later", "expected"), [(True, "30 min"), (False, None)])
def test_claim_due_posts__forgets_an_account_that_yielded_nothing(
    world: World, later: bool, expected: str | None
) -> None:
    account = world.account("stub")
    world.value("SELECT socialcron.cancel_post(%s)", world.post(account))
    if later:
        world.post(account, due="now() + interval '30 minutes'")

    assert claim(world).post_ids == []
    assert next_due(world, account) == expected
    assert world.value("SELECT count(*) FROM socialcron.account_wakeups WHERE ready_at <= now()") == 0


def test_claim_due_posts__looks_at_a_blocked_account_when_the_block_is_over(world: World) -> None:
    account = world.account("stub")
    world.run("UPDATE socialcron.accounts SET blocked_until = now() + interval '15 minutes'")
    post = world.post(account)

    assert claim(world).post_ids == []
    assert next_due(world, account) == "15 min"
    world.pass_time(minutes=16)
    assert claim(world).post_ids == [post]


def test_claim_due_posts__looks_behind_accounts_that_have_nothing_to_give(world: World) -> None:
    for n in range(12):
        blocked = world.account("stub", f"blocked{n}")
        world.run(
            "UPDATE socialcron.accounts SET blocked_until = now() + interval '1 hour' WHERE id = %s", blocked
        )
        world.post(blocked, due="now() - interval '1 hour'")
    free = world.post(world.account("stub", "free"))

    assert claim(world, batch_size=5).post_ids == [free]


def test_claim_due_posts__gives_up_on_a_locked_row_rather_than_circle_around_it(
    world: World, other: Database
) -> None:
    account = world.account("stub")
    locked = world.post(account)
    with other.transaction():
        other.connection.execute("SELECT FROM socialcron.posts WHERE id = %s FOR UPDATE", (locked,))
        assert claim(world, batch_size=1).post_ids == []
    assert claim(world, batch_size=1).post_ids == [locked]


def test_claim_due_posts__serves_everybody_in_front_of_a_huge_backlog(world: World) -> None:
    backlog = world.account("stub", "backlog")
    accounts = [world.account("stub", f"a{n}") for n in range(40)]
    world.run("INSERT INTO socialcron.contents (text) VALUES ('Old')")
    insert = (
        "INSERT INTO socialcron.posts (content_id, account_id, due_at)"
        " SELECT c.id, %s, now() - interval '1 hour' FROM socialcron.contents AS c, generate_series(1, %s)"
    )
    world.run(insert, backlog, 500)
    for account in accounts:
        world.run(insert, account, 1)

    runs, served = 0, set[int]()
    while len(served) <= len(accounts):
        claimed = claim(world, batch_size=10)
        assert len(claimed.post_ids) == 10
        served.update(claimed.account_ids)
        give_accounts_back(world, claimed)
        runs += 1
        assert runs <= 5, f"{len(served)} accounts served after {runs} runs"


# --- plans ------------------------------------------------------------------------------------------------------


PLANNERS = {
    "as it is": (),
    "nested loops only": ("hashjoin", "mergejoin"),
    "hash joins only": ("nestloop", "mergejoin"),
    "merge joins only": ("nestloop", "hashjoin"),
    "index scans only": ("seqscan", "bitmapscan"),
    "sequential scans only": ("indexscan", "indexonlyscan", "bitmapscan"),
    "no sorts": ("sort", "incremental_sort", "hashagg"),
    "no materialised parts": ("material", "memoize"),
}


@pytest.mark.parametrize("planner", PLANNERS)
def test_claim_due_posts__never_takes_more_than_its_limit_whatever_the_plan(
    world: World, planner: str
) -> None:
    world.run(
        "INSERT INTO socialcron.accounts (platform, handle) SELECT 'stub', 'a' || n FROM generate_series(1, 30) n"
    )
    world.run("INSERT INTO socialcron.contents (text) VALUES ('Many')")
    world.run(
        "INSERT INTO socialcron.posts (content_id, account_id)"
        " SELECT c.id, a.id FROM socialcron.contents AS c, socialcron.accounts AS a, generate_series(1, 10)"
    )
    for name in PLANNERS[planner]:
        world.run(f"SET enable_{name} = off")

    sizes = []
    for _ in range(3):
        claimed = claim(world, batch_size=7)
        sizes.append((len(claimed.post_ids), len(claimed.account_ids) <= 7))
        give_accounts_back(world, claimed)

    assert sizes == [(7, True)] * 3
    assert world.value("SELECT max(attempt) FROM socialcron.posts") == 1
    assert world.value("SELECT count(*) FROM socialcron.posts WHERE status = 'processing'") == 21
