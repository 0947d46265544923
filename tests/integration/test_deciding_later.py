"""Platforms that take a post and decide later, process media for long, or name a post after it is out.

The stub, told what to answer, stands for them: what is tested is what the batch makes of each answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, RateLimited, Rejected
from socialcron.model import Accepted, Confirmed, Look, PreparedStep, Saved, Step, Wait
from socialcron.platforms.stub import Stub
from tests.conftest import Cli
from tests.media import png
from tests.world import World


@dataclass
class Script:
    """What the stub answers, call by call; when nothing is left it answers as it always does."""

    prepare: list[Any] = field(default_factory=list)
    send_step: list[Any] = field(default_factory=list)
    reconcile: list[Any] = field(default_factory=list)
    asked: list[PreparedStep] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    script = Script()

    def scripted(name: str) -> None:
        original = getattr(Stub, name)

        def answer(self: Stub, step: Any, session: Any) -> Any:
            if name == "reconcile":
                script.asked.append(step)
            if name == "prepare":
                script.steps.append(step)
            answers = getattr(script, name)
            return answers.pop(0) if answers else original(self, step, session)

        monkeypatch.setattr(Stub, name, answer)

    for name in ("prepare", "send_step", "reconcile"):
        scripted(name)
    monkeypatch.setattr(Stub, "declaration", replace(Stub.declaration, reconcile="handle"))
    return script


def sent(world: World, cli: Cli, script: Script, **more: Any) -> int:
    """A post the platform has taken and not decided about."""
    script.send_step = [Accepted(handles={"ticket": "t1"}, seconds=30.0)]
    post = world.post(world.account("stub"), **more)
    assert cli("post-due", "--json").data["accepted"] == 1
    return post


def look_again(world: World, cli: Cli, minutes: float = 61) -> dict[str, Any]:
    world.pass_time(minutes)
    data: dict[str, Any] = cli("post-due", "--json").data
    return data


def test_accepted__is_unconfirmed_without_an_error_and_asked_about_in_time(
    world: World, cli: Cli, script: Script
) -> None:
    post = sent(world, cli, script)
    row = world.row(post)
    assert (row["status"], row["error_class"]) == ("unconfirmed", None)
    assert 25 < (row["reconcile_at"] - row["updated_at"]).total_seconds() < 35
    explained = cli("posts", "explain", post, "--json").data
    assert explained["reason"] == "accepted"
    assert "still working on it" in explained["message"]
    assert cli("post-due", "--strict").exit_code == 0


def test_accepted__is_asked_about_by_the_handles_of_the_answer(
    world: World, cli: Cli, script: Script
) -> None:
    post = sent(world, cli, script)
    script.reconcile = [
        Look(waiting_seconds=30.0),
        Look(matches=(Confirmed(remote_id="7", url="https://a/7"),)),
    ]
    assert look_again(world, cli)["accepted"] == 1
    assert world.row(post)["status"] == "unconfirmed"
    assert look_again(world, cli)["reconciled"] == 1
    assert (world.row(post)["status"], world.row(post)["remote_id"]) == ("posted", "7")
    assert [step.handles for step in script.asked] == [{"ticket": "t1"}] * 2


def test_waiting__slows_down_and_ends_with_a_person_after_two_days(
    world: World, cli: Cli, script: Script
) -> None:
    post = sent(world, cli, script)
    script.reconcile = [Look(waiting_seconds=30.0)] * 3

    def seconds_to_next_look() -> float | None:
        left = "SELECT extract(epoch FROM reconcile_at - now())::float8 FROM socialcron.posts WHERE id = %s"
        seconds: float | None = world.value(left, post)
        return seconds

    look_again(world, cli, 1)
    assert (seconds_to_next_look() or 0) == pytest.approx(30, abs=5)
    look_again(world, cli, 9)
    assert (seconds_to_next_look() or 0) == pytest.approx(60, abs=5)
    look_again(world, cli, 2 * 24 * 60)
    assert seconds_to_next_look() is None
    assert cli("posts", "explain", post, "--json").data["reason"] == "needs_you"


@pytest.mark.parametrize(
    ("failure", "status", "outcome"),
    [
        (Rejected("too long"), "failed", "failed"),
        (PlatformFailure("trouble", retryable=False), "failed", "failed"),
        (PlatformFailure("trouble", retryable=True), "scheduled", "retried"),
        (RateLimited("too many", retry_after=600), "scheduled", "retried"),
        (AuthExpired("gone"), "failed", "failed"),
    ],
)
def test_failure__decides_like_a_refusal_of_the_send(
    world: World, cli: Cli, script: Script, failure: PlatformError, status: str, outcome: str
) -> None:
    post = sent(world, cli, script)
    script.reconcile = [Look(failure=failure)]
    assert look_again(world, cli)[outcome] == 1
    row, (attempt,) = world.row(post), world.attempts(post)
    assert (row["status"], row["error_class"]) == (status, failure.error_class)
    assert (attempt["phase"], attempt["error_class"]) == ("refused", failure.error_class)
    assert row["attempt"] == (0 if isinstance(failure, RateLimited) else 1)
    assert (row["claim_token"], row["reconcile_at"]) == (None, None)
    if isinstance(failure, AuthExpired):
        assert world.value("SELECT status FROM socialcron.accounts") == "needs_reconnect"


def test_failure__that_may_pass_is_tried_again_and_can_succeed(
    world: World, cli: Cli, script: Script
) -> None:
    post = sent(world, cli, script)
    script.reconcile = [Look(failure=PlatformFailure("trouble", retryable=True))]
    look_again(world, cli)
    assert look_again(world, cli)["posted"] == 1
    assert [attempt["phase"] for attempt in world.attempts(post)] == ["refused", "confirmed"]


def test_unanswerable__is_left_to_a_person_at_once(world: World, cli: Cli, script: Script) -> None:
    post = sent(world, cli, script)
    script.reconcile = [Look(unanswerable="the scope is closed", complete=False)]
    assert look_again(world, cli)["unconfirmed"] == 1
    assert world.row(post)["reconcile_at"] is None
    assert "the scope is closed" in world.row(post)["last_error"]


def test_provisional__counts_as_posted_and_gets_its_name_later(
    world: World, cli: Cli, script: Script
) -> None:
    post = sent(world, cli, script)
    stand_in = Confirmed(remote_id="t1", provisional=True)
    script.reconcile = [Look(matches=(stand_in,)), Look(matches=(stand_in,))]
    look_again(world, cli)
    assert (world.row(post)["status"], world.row(post)["remote_id"]) == ("posted", "t1")
    assert look_again(world, cli)["reconciled"] == 1
    script.reconcile = [Look(matches=(Confirmed(remote_id="99", url="https://a/99"),))]
    look_again(world, cli)
    row, (attempt,) = world.row(post), world.attempts(post)
    assert (row["status"], row["remote_id"], row["url"]) == ("posted", "99", "https://a/99")
    assert (row["reconcile_at"], row["claim_token"], row["last_error"]) == (None, None, None)
    assert (attempt["remote_id"], attempt["provisional"]) == ("99", False)
    assert cli("post-due", "--json").data["claimed"] == 0


def test_provisional__trouble_with_the_name_does_not_make_the_post_look_bad(
    world: World, cli: Cli, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = sent(world, cli, script)
    script.reconcile = [Look(matches=(Confirmed(remote_id="t1", provisional=True),)), Look(complete=False)]
    look_again(world, cli)
    look_again(world, cli)
    assert (world.row(post)["status"], world.row(post)["last_error"]) == ("posted", None)
    assert look_again(world, cli, 2 * 24 * 60)["claimed"] == 1
    script.reconcile = [Look(complete=False)]
    assert world.row(post)["status"] == "posted"


def test_provisional__is_waited_out_where_something_follows(world: World, cli: Cli, script: Script) -> None:
    post = sent(world, cli, script, thread=["two"])
    script.reconcile = [
        Look(matches=(Confirmed(remote_id="t1", provisional=True),)),
        Look(matches=(Confirmed(remote_id="99"),)),
    ]
    look_again(world, cli)
    assert world.row(post)["status"] == "unconfirmed"
    look_again(world, cli)
    assert look_again(world, cli)["posted"] == 1
    assert world.attempts(post)[0]["remote_id"] == "99"
    assert script.steps[-1].parent == Confirmed(remote_id="99")


def test_processing__of_a_moment_is_waited_for_in_the_run(world: World, cli: Cli, script: Script) -> None:
    script.prepare = [
        Saved(handles={"a": 1}),
        Wait(handles={"a": 1, "b": 2}, seconds=0.01),
        Wait(handles={"a": 1, "b": 3}, seconds=0.01),
    ]
    post = world.post(world.account("stub"))
    assert cli("post-due", "--json").data["posted"] == 1
    assert world.attempts(post)[0]["handles"] == {"a": 1, "b": 3}


def test_processing__that_takes_long_goes_back_to_the_queue_and_on_from_its_handles(
    world: World, cli: Cli, script: Script
) -> None:
    script.prepare = [Wait(handles={"container": "c1"}, seconds=45.0)]
    post = world.post(world.account("stub"))
    assert cli("post-due", "--json").data["released"] == 1
    row = world.row(post)
    assert (row["status"], row["attempt"], row["claim_token"]) == ("scheduled", 0, None)
    assert 40 < (row["retry_at"] - row["updated_at"]).total_seconds() < 50
    assert "still processing" in cli("posts", "explain", post).stdout
    world.pass_time(1)
    assert cli("post-due", "--json").data["posted"] == 1
    assert script.steps[-1].handles == {"container": "c1"}


@pytest.mark.parametrize("replaced", [False, True])
def test_processing__goes_on_from_its_handles_only_with_the_same_files(
    world: World, cli: Cli, script: Script, tmp_path: Path, replaced: bool
) -> None:
    (tmp_path / "cat.png").write_bytes(png("cat"))
    script.prepare = [Wait(handles={"container": "c1"}, seconds=45.0)]
    world.post(world.account("stub"), media=[{"source": "cat.png"}])
    assert cli("post-due", "--json").data["released"] == 1
    if replaced:
        (tmp_path / "cat.png").write_bytes(png("another cat"))
    world.pass_time(1)
    assert cli("post-due", "--json").data["posted"] == 1
    assert script.steps[-1].handles == ({} if replaced else {"container": "c1"})
