"""Posts of runs that died: what their phase says decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from socialcron.platforms.stub import Stub
from tests.conftest import Cli
from tests.world import World


def held_by_a_dead_run(
    world: World, platform: str, phase: str | None, *, minutes: float = 11, **post: object
) -> int:
    """A post in `processing` whose run gave its last sign of life `minutes` ago; `phase` of its open attempt."""
    account = world.account(platform)
    post_id = world.post(account, "Hello")
    world.run(
        "UPDATE socialcron.posts SET status = 'processing', attempt = 1, claim_token = gen_random_uuid(),"
        " first_claimed_at = now(), heartbeat_at = now(), lease_until = now() + interval '2 minutes'"
    )
    for name, value in post.items():
        world.run(f"UPDATE socialcron.posts SET {name} = %s", value)
    if phase:
        world.run(
            "INSERT INTO socialcron.publish_attempts (post_id, account_id, attempt, step, revision, phase,"
            " idempotency_key, request, sends, sending_at, first_sending_at)"
            " SELECT id, account_id, 1, 0, 1, %s, 'key', '{}', 1, now(), now() FROM socialcron.posts",
            phase,
        )
    world.pass_time(minutes)
    return post_id


@pytest.mark.parametrize("phase", [None, "claimed", "prepared"])
def test_reset_stuck__nothing_sent_goes_back_to_the_queue(world: World, cli: Cli, phase: str | None) -> None:
    post = held_by_a_dead_run(world, "stub", phase)

    ran = cli("reset-stuck", "--json")

    assert ran.data == {"rescheduled": 1, "unconfirmed": 0, "failed": 0, "cancelled": 0}
    assert world.row(post)["status"] == "scheduled"
    assert cli("post-due", "--json").data["posted"] == 1


def test_reset_stuck__a_send_under_way_becomes_unconfirmed(world: World, cli: Cli) -> None:
    post = held_by_a_dead_run(world, "stub", "sending")

    assert cli("reset-stuck", "--json").data["unconfirmed"] == 1

    assert world.row(post)["status"] == "unconfirmed"
    assert world.attempts(post)[0]["phase"] == "unknown"


def test_reset_stuck__waits_for_the_threshold_and_0_still_respects_a_live_lease(
    world: World, cli: Cli
) -> None:
    post = held_by_a_dead_run(world, "stub", None, minutes=1)
    assert (
        cli("reset-stuck", "--threshold-minutes", "0", "--json").data["rescheduled"] == 0
    )  # lease: 2 minutes
    world.pass_time(2)
    assert cli("reset-stuck", "--threshold-minutes", "5", "--json").data["rescheduled"] == 0
    assert cli("reset-stuck", "--threshold-minutes", "0", "--json").data["rescheduled"] == 1
    assert world.row(post)["status"] == "scheduled"


def test_reset_stuck__without_attempts_left_the_post_fails(world: World, cli: Cli) -> None:
    post = held_by_a_dead_run(world, "stub", "prepared", attempt=4)

    assert cli("reset-stuck", "--json").data["failed"] == 1
    assert world.row(post)["status"] == "failed"


def test_reset_stuck__obeys_a_cancel_that_came_meanwhile(world: World, cli: Cli) -> None:
    post = held_by_a_dead_run(world, "stub", "prepared")
    assert world.value("SELECT socialcron.cancel_post(%s)", post) == "requested"

    assert cli("reset-stuck", "--json").data["cancelled"] == 1
    assert world.row(post)["status"] == "cancelled"


def test_reset_stuck__where_the_platform_gives_no_means_a_person_must_look(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stub, "declaration", replace(Stub.declaration, reconcile="none"))
    post = held_by_a_dead_run(world, "stub", "sending")

    cli("reset-stuck")

    row = world.row(post)
    assert (row["status"], row["reconcile_at"]) == ("unconfirmed", None)
    assert cli("post-due", "--json").data["claimed"] == 0


def test_post_due__does_the_same_first_so_that_a_crontab_without_reset_stuck_does_not_rot(
    world: World, cli: Cli
) -> None:
    post = held_by_a_dead_run(world, "stub", "prepared")

    assert cli("post-due", "--json").data["posted"] == 1
    assert world.row(post)["status"] == "posted"


def test_a_row_an_application_holds_locked__is_left_for_the_next_time(world: World, cli: Cli) -> None:
    import psycopg

    post = held_by_a_dead_run(world, "stub", "prepared")
    with psycopg.connect(world.settings.database_url or "") as application:
        application.execute("UPDATE socialcron.posts SET priority = 1 WHERE id = %s", (post,))
        assert cli("reset-stuck", "--json").data["rescheduled"] == 0
    assert cli("reset-stuck", "--json").data["rescheduled"] == 1


def test_recovery__leaves_posts_of_a_platform_this_host_does_not_know_to_one_that_does(
    world: World, cli: Cli
) -> None:
    post = world.post(world.account("stub"))
    world.run(
        "UPDATE socialcron.accounts SET platform = 'tomorrow';"
        "UPDATE socialcron.posts SET status = 'processing', claim_token = gen_random_uuid(), attempt = 1,"
        "       lease_until = now() - interval '1 hour', heartbeat_at = now() - interval '1 hour'"
    )
    assert cli("reset-stuck").exit_code == 0
    assert world.row(post)["status"] == "processing"
