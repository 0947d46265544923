"""The promises by name, one interleaving each. Runs are frozen at a call of theirs while the world goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from socialcron.exitcodes import ExitCode
from tests.chaos import children
from tests.chaos.children import Child, Ended, Trap
from tests.media import mp4, png
from tests.world import World

SEND = "write "
PNG = png("cat")
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
SHORT = {"SOCIALCRON_LEASE_SECONDS": "10", "SOCIALCRON_SEND_DEADLINE_SECONDS": "1"}


@dataclass(frozen=True, slots=True)
class Stage:
    world: World
    environment: dict[str, str]
    started: list[Child] = field(default_factory=list)

    def start(self, *arguments: object, trap: Trap | None = None, short: bool = False) -> Child:
        """Start a command; with a trap that freezes, return once it is frozen. short: leases and deadlines."""
        argv = [*map(str, arguments), "--json"]
        child = children.start(
            argv, self.environment | {"STUCK_THRESHOLD_MINUTES": "3"} | (SHORT if short else {}), trap
        )
        self.started.append(child)
        if trap and trap.harm.startswith("freeze"):
            child.wait_until_frozen()
        return child

    def run(self, *arguments: object, short: bool = False) -> dict[str, Any]:
        """Run a command to its good end; its data."""
        ended = self.start(*arguments, short=short).wait()
        assert ended.exit_code == 0, ended.log
        return ended.data

    def pass_time(self) -> None:
        self.world.pass_time(4)

    def settle(self) -> None:
        for _ in range(6):
            self.pass_time()
            self.run("post-due")

    def texts(self, platform: str = "mastodon") -> list[str]:
        return [post["text"] for post in self.world.sandbox.posts(platform)]


@pytest.fixture
def stage(world: World, environment: dict[str, str]) -> Iterator[Stage]:
    stage = Stage(world, environment)
    yield stage
    for child in stage.started:
        if child.place.exists():  # not waited for
            child.signal(signal.SIGKILL)
            child.wait()


def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it never came"
        time.sleep(0.01)


def resumed(child: Child) -> Ended:
    child.resume()
    return child.wait()


# --- stale runs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "moment"),
    [
        (None, "db lock_posts_for_sending"),  # would send
        ("429", "db return_post"),  # would give it back
        ("5xx", "db return_post"),  # would try again later
        ("no file", "db fail_post"),  # would fail it
    ],
)
def test_stale_run__can_neither_send_nor_release_retry_or_fail_what_another_one_claimed(
    stage: Stage, tmp_path: Path, fault: str | None, moment: str
) -> None:
    post = stage.world.post(stage.world.account("mastodon"), media=[{"source": "cat.png"}])
    picture = tmp_path / "cat.png"
    if fault != "no file":
        picture.write_bytes(PNG)
    if fault in ("429", "5xx"):
        stage.world.sandbox.fault(fault, path="instance")
    stale = stage.start("post-due", trap=Trap(moment, "freeze"))
    stage.world.sandbox.clear_faults()
    picture.write_bytes(PNG)
    stage.pass_time()
    stage.pass_time()
    assert stage.run("reset-stuck")["rescheduled"] == 1
    other = stage.start("post-due", trap=Trap(SEND, "freeze"))
    before = stage.world.row(post)

    ended = resumed(stale)

    assert ended.exit_code == 0, ended.log
    assert stage.world.row(post) == before
    assert resumed(other).data["posted"] == 1
    assert stage.texts() == ["Hello"]


def test_fact__is_recorded_although_the_claim_is_gone(stage: Stage) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    slow = stage.start("post-due", trap=Trap(SEND, "freeze after"))
    stage.pass_time()
    assert stage.run("reset-stuck")["unconfirmed"] == 1

    ended = resumed(slow)

    assert ended.exit_code == 0, ended.log
    row = stage.world.row(post)
    assert row["status"] == "posted"
    assert [item["id"] for item in stage.world.sandbox.posts("mastodon")] == [row["remote_id"]]
    assert stage.run("post-due")["claimed"] == 0


def test_half_frozen_run__does_not_send_when_it_wakes_after_its_deadline(stage: Stage) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    frozen = stage.start("post-due", trap=Trap(SEND, "freeze"), short=True)
    committed = time.monotonic()
    stage.pass_time()
    assert (
        stage.run("post-due", short=True)["claimed"] == 0
    )  # recovered only: it is asked about in the next run
    until(lambda: time.monotonic() > committed + 1.2)

    ended = resumed(frozen)

    assert ended.exit_code == 0, ended.log
    assert stage.texts() == []
    stage.settle()
    assert stage.world.row(post)["status"] == "posted"
    assert stage.texts() == ["Hello"]


@pytest.mark.parametrize("platform", ["mastodon", "x"])
def test_half_frozen_run__whose_post_another_run_has_sent_meanwhile_changes_nothing(
    stage: Stage, platform: str
) -> None:
    post = stage.world.post(stage.world.account(platform))
    frozen = stage.start("post-due", trap=Trap(SEND, "freeze"), short=True)
    stage.settle()
    before = stage.world.row(post)
    assert before["status"] == "posted"

    assert resumed(frozen).exit_code == 0

    assert stage.world.row(post) == before
    assert stage.texts(platform) == ["Hello"]


# --- one run an account ------------------------------------------------------------------------------------------


def test_two_runs__never_work_one_account_at_once(stage: Stage) -> None:
    account = stage.world.account("mastodon")
    stage.world.post(account, "first")
    first = stage.start("post-due", trap=Trap(SEND, "freeze"))
    stage.world.post(account, "second")

    assert stage.run("post-due")["claimed"] == 0

    assert resumed(first).data["posted"] == 1
    assert stage.run("post-due")["posted"] == 1
    assert stage.texts() == ["first", "second"]


def test_look_ahead__gives_the_account_back_while_a_post_waits_for_its_second(stage: Stage) -> None:
    account = stage.world.account("mastodon")
    later = stage.world.post(account, "later", due="now() + interval '3 seconds'")
    ahead = stage.start("post-due", "--look-ahead", 60)
    until(lambda: [a["phase"] for a in stage.world.attempts(later)] == ["prepared"])
    until(lambda: stage.world.value("SELECT busy_token IS NULL FROM socialcron.accounts"))
    stage.world.post(account, "now")

    assert stage.run("post-due", "--look-ahead", 0)["posted"] == 1

    assert ahead.wait().data["posted"] == 1
    assert stage.texts() == ["now", "later"]
    row = stage.world.row(later)
    assert 0 <= (row["posted_at"] - row["due_at"]).total_seconds() < 1.5


# --- crashes -----------------------------------------------------------------------------------------------------


def test_lease_over_mid_upload__the_next_run_goes_on_from_the_saved_offset(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "film.mp4").write_bytes(mp4(2 * 2**20 + 12))
    post = stage.world.post(stage.world.account("x"), media=[{"source": "film.mp4"}])
    frozen = stage.start("post-due", trap=Trap("http POST /2/media/upload/ID/append", "freeze after"))
    stage.settle()
    before = stage.world.row(post)
    assert before["status"] == "posted"
    counts = stage.world.sandbox.state("x")["platforms"]["x"]["requests"]
    assert counts["POST /2/media/upload/initialize"] == 1

    assert resumed(frozen).exit_code == 0

    assert stage.world.row(post) == before
    assert [len(item["media"]) for item in stage.world.sandbox.posts("x")] == [1]


def test_database_gone_after_a_send__is_tried_for_the_rest_of_the_lease_then_69_and_the_next_runs_settle(
    stage: Stage,
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    began = time.monotonic()

    ended = stage.start("post-due", trap=Trap("db record_confirmed", "cut"), short=True).wait()

    assert ended.exit_code == ExitCode.UNAVAILABLE
    assert time.monotonic() - began > 9
    assert ended.calls.count("db connect") > 2
    assert "fact_not_recorded" in ended.log
    assert stage.texts() == ["Hello"]
    stage.settle()
    assert stage.world.row(post)["status"] == "posted"
    assert stage.texts() == ["Hello"]


# --- signals -----------------------------------------------------------------------------------------------------


def test_sigterm_during_a_slow_send__records_the_answer_and_exits_75_within_the_grace(stage: Stage) -> None:
    account = stage.world.account("mastodon")
    post, untouched = stage.world.post(account), stage.world.post(account, "second")
    stage.world.sandbox.fault("slow", seconds=1.0, visible_only=True, count=1)
    run = stage.start("post-due", "--grace", 10)
    until(lambda: "POST /api/v1/statuses" in stage.world.sandbox.platforms["mastodon"].requests)
    began = time.monotonic()
    run.signal(signal.SIGTERM)

    ended = run.wait()

    assert ended.exit_code == ExitCode.INTERRUPTED, ended.log
    assert time.monotonic() - began < 5
    assert stage.world.row(post)["status"] == "posted"
    row = stage.world.row(untouched)
    assert (row["status"], row["attempt"], row["claim_token"]) == ("scheduled", 0, None)
    assert stage.run("post-due")["posted"] == 1


def test_sigterm_during_a_send_slower_than_the_grace__leaves_it_to_the_next_runs(stage: Stage) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    stage.world.sandbox.fault("slow", seconds=3.0, visible_only=True, count=1)
    run = stage.start("post-due", "--grace", 0.3)
    until(lambda: "POST /api/v1/statuses" in stage.world.sandbox.platforms["mastodon"].requests)
    began = time.monotonic()
    run.signal(signal.SIGTERM)

    ended = run.wait()

    assert (ended.exit_code, ended.data["unconfirmed"]) == (ExitCode.INTERRUPTED, 1)
    assert time.monotonic() - began < 2
    until(lambda: stage.texts() == ["Hello"])
    stage.settle()
    assert stage.world.row(post)["status"] == "posted"
    assert stage.texts() == ["Hello"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_with_posts_waiting_for_their_second__releases_them_and_counts_no_attempt(
    stage: Stage, number: signal.Signals
) -> None:
    account = stage.world.account("mastodon")
    posts = [stage.world.post(account, f"{n}", due="now() + interval '40 seconds'") for n in range(3)]
    run = stage.start("post-due", "--look-ahead", 60)
    until(lambda: all([a["phase"] for a in stage.world.attempts(post)] == ["prepared"] for post in posts))
    run.signal(number)

    ended = run.wait()

    assert (ended.exit_code, ended.data["released"]) == (ExitCode.INTERRUPTED, 3)
    for row in map(stage.world.row, posts):
        assert (row["status"], row["attempt"], row["claim_token"]) == ("scheduled", 0, None)
    assert stage.texts() == []


# --- steering against the `sending` transaction ------------------------------------------------------------------

STEERING: dict[str, Sequence[object]] = {
    "cancel": ("posts", "cancel"),
    "hold": ("posts", "hold"),
    "edit": ("posts", "edit", "--text", "Better"),
    "reschedule": ("posts", "reschedule", "--at", "2099-01-01T00:00Z"),
}


def steer(stage: Stage, what: str, post: int) -> Child:
    group, verb, *options = STEERING[what]
    return stage.start(group, verb, post, *options)


@pytest.mark.parametrize("what", STEERING)
def test_steering_before_the_sending_commit__is_obeyed_by_the_run_that_has_the_post(
    stage: Stage, what: str
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    run = stage.start("post-due", trap=Trap("db lock_posts_for_sending", "freeze"))

    assert steer(stage, what, post).wait().data["result"] == "requested"
    ended = resumed(run)

    assert (ended.exit_code, ended.data["released"]) == (0, 1)
    assert stage.texts() == []
    row = stage.world.row(post)
    assert (row["status"], row["attempt"]) == ("cancelled" if what == "cancel" else "scheduled", 0)
    stage.settle()
    assert stage.texts() == (["Better"] if what == "edit" else [])


@pytest.mark.parametrize("what", STEERING)
@pytest.mark.parametrize("moment", ["db begin_sending", SEND, "db record_confirmed"])
def test_steering_after_the_sender_has_the_row__waits_for_it_and_comes_too_late(
    stage: Stage, what: str, moment: str
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    run = stage.start("post-due", trap=Trap(moment, "freeze"))
    steering = steer(stage, what, post)
    if moment == "db begin_sending":  # holds the row's lock
        until(lambda: stage.world.value(WAITING))

    assert resumed(run).data["posted"] == 1

    assert steering.wait().data["result"] == "too_late"
    stage.settle()
    assert stage.texts() == ["Hello"]
    assert stage.world.row(post)["status"] == "posted"


@pytest.mark.parametrize(
    "change", ["status = 'disabled'", "autopost_enabled = false", "status = 'needs_reconnect'"]
)
def test_account_disabled_mid_run__sends_nothing_more_and_costs_no_attempt(stage: Stage, change: str) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    run = stage.start("post-due", trap=Trap("db lock_posts_for_sending", "freeze"))
    stage.world.run(f"UPDATE socialcron.accounts SET {change}")

    assert resumed(run).data["released"] == 1

    row = stage.world.row(post)
    assert (row["status"], row["attempt"]) == ("scheduled", 0)
    stage.settle()
    assert stage.texts() == []
    stage.world.run("UPDATE socialcron.accounts SET status = 'active', autopost_enabled = true")
    stage.settle()
    assert stage.texts() == ["Hello"]
