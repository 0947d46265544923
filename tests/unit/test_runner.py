"""The runner's order, its lanes, and how it ends. Real threads, no database, no wire."""

from __future__ import annotations

import threading
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import pytest

from socialcron.batches import runner as runner_module
from socialcron.batches.runner import Call, Record, Runner, Send, Until, Work
from socialcron.errors import DatabaseUnavailable
from socialcron.platforms.http import now_seconds


class Hooks(runner_module.Hooks):
    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.records: list[list[Any]] = []
        self.rested: list[Hashable] = []
        self.ticks = 0

    def begin_sending(self, requests: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(list(requests))
        return [f"permit {request}" for request in requests]

    def record(self, facts: Sequence[Any]) -> Sequence[Any]:
        self.records.append(list(facts))
        return [ValueError(fact) if fact == "bad" else f"recorded {fact}" for fact in facts]

    def lanes_rest(self, lanes: Collection[Hashable]) -> None:
        self.rested.extend(lanes)

    def tick(self) -> None:
        self.ticks += 1


class Job:
    def __init__(self, work: Work, *, lane: Hashable = "lane", due: float = 0.0) -> None:
        self._work, self.lane, self.due = work, lane, due
        self.given_back = False

    def work(self) -> Work:
        return self._work

    def give_back(self) -> str:
        self.given_back = True
        return "released"


def runner(hooks: Hooks, *, concurrency: int = 2, stop_in: float = 60.0, grace: float = 5.0) -> Runner:
    return Runner(
        hooks,
        concurrency=concurrency,
        stop_at=now_seconds() + stop_in,
        grace_seconds=grace,
        patience_seconds=grace,
        tick_seconds=5.0,
    )


def ending(outcome: str) -> Work:
    return outcome
    yield Until(0.0)


def test_run__ends_as_soon_as_its_jobs_have() -> None:
    hooks = Hooks()
    ended = runner(hooks).run([Job(ending("failed")) for _ in range(3)])
    assert (ended.outcomes, hooks.ticks) == (["failed"] * 3, 0)  # a tick would mean that it waited for one


def test_call__returns_what_the_function_returns_and_raises_what_it_raises() -> None:
    def work() -> Work:
        assert (yield Call(lambda: 7)) == 7
        try:
            yield Call(lambda: 1 / 0)
        except ZeroDivisionError:
            return "caught"
        return "missed"

    assert runner(Hooks()).run([Job(work())]).outcomes == ["caught"]


def test_lane__never_has_two_calls_under_way_and_keeps_the_order_of_due() -> None:
    running, most, order = 0, 0, []
    lock = threading.Lock()

    def function(name: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            order.append(name)
        with lock:
            running -= 1

    def work(name: str) -> Work:
        yield Call(lambda: function(name))
        return "done"

    jobs = [Job(work(name), due=due) for name, due in (("c", 3.0), ("a", 1.0), ("b", 2.0))]
    runner(Hooks(), concurrency=3).run(jobs)
    assert (most, order) == (1, ["a", "b", "c"])


def test_send__those_ready_together_share_one_transaction() -> None:
    hooks = Hooks()
    ready = threading.Barrier(2)

    def work(name: str) -> Work:
        yield Call(ready.wait)
        permit = yield Send(name)
        yield Call(lambda: None)
        return str(permit)

    ended = runner(hooks).run([Job(work(name), lane=name) for name in ("a", "b")])
    assert sorted(ended.outcomes) == ["permit a", "permit b"]
    assert sum(len(batch) for batch in hooks.batches) == 2


def test_record__those_that_came_back_together_share_one_and_a_bad_one_is_its_own_job_s() -> None:
    hooks, back = Hooks(), threading.Barrier(2)

    def work(name: str) -> Work:
        yield Send(name)
        yield Call(back.wait)
        try:
            return str((yield Record(name)))
        except ValueError:
            return "refused"

    ended = runner(hooks).run([Job(work(name), lane=name) for name in ("good", "bad")])
    assert sorted(ended.outcomes) == ["recorded good", "refused"]
    assert sum(len(batch) for batch in hooks.records) == 2


def test_send__runs_ahead_of_the_threads_only_where_calls_are_quick_and_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def most_at_once(quick_seconds: float, *, ahead: bool) -> int:
        monkeypatch.setattr(runner_module, "QUICK_SECONDS", quick_seconds)
        hooks = Hooks()

        def work(name: int) -> Work:
            yield Send(name, ahead=ahead)
            yield Call(lambda: None)
            return "done"

        runner(hooks, concurrency=1).run([Job(work(name), lane=name) for name in range(9)])
        return max(map(len, hooks.batches))

    assert most_at_once(60.0, ahead=True) == 1 + runner_module.AHEAD
    assert most_at_once(0.0, ahead=True) == most_at_once(60.0, ahead=False) == 1


def test_until__lets_the_lane_rest() -> None:
    hooks = Hooks()

    def work() -> Work:
        yield Until(now_seconds() + 0.01)
        return "done"

    assert runner(hooks).run([Job(work(), lane="me")]).outcomes == ["done"]
    assert hooks.rested == ["me", "me"]


def test_stop__gives_back_what_waits_and_lets_what_is_under_way_finish() -> None:
    hooks = Hooks()
    it = runner(hooks, concurrency=1)

    def first() -> Work:
        yield Send("one")
        yield Call(it.stop)
        return "posted"

    second = Job(ending("never"), lane="other", due=1.0)
    ended = it.run([Job(first()), second])
    assert sorted(ended.outcomes) == ["posted", "released"]
    assert second.given_back


def test_stop__leaves_a_call_that_does_not_end_within_the_grace() -> None:
    hooks, never = Hooks(), threading.Event()
    it = runner(hooks, grace=0.0)

    def stop_and_hang() -> None:
        it.stop()
        never.wait()

    def uploading() -> Work:
        yield Call(stop_and_hang)
        return "posted"

    job = Job(uploading())
    ended = it.run([job])
    never.set()
    assert ended.outcomes == ["released"]
    assert job.given_back


def test_a_bug_in_one_job__does_not_stop_the_others() -> None:
    def broken() -> Work:
        yield Call(lambda: None)
        raise KeyError("bug")

    ended = runner(Hooks()).run([Job(broken(), lane="a"), Job(ending("posted"), lane="b", due=1.0)])
    assert ended.outcomes == ["posted"]
    assert isinstance(ended.bug, KeyError)


def test_a_lost_database__stops_the_run_at_once() -> None:
    def lost() -> Work:
        yield Call(lambda: None)
        raise DatabaseUnavailable("gone")

    waiting = Job(ending("never"), lane="b", due=1.0)
    ended = runner(Hooks(), concurrency=1).run([Job(lost(), lane="a"), waiting])
    assert isinstance(ended.error, DatabaseUnavailable)
    assert waiting.given_back
