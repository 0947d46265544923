"""Drives many jobs at once: generators on the main thread, their HTTP calls in a few worker threads.

A job is a generator that reads top to bottom like plain code. It touches the database itself, between its yields, on
the main thread, and yields when it needs something else:

    answer = yield Call(function)      run it in a worker thread; its exception is raised here
    yield Until(moment)                go on at that moment (`now_seconds`)
    verdict = yield Send(request)      have `sending` committed, together with others that are ready right now
    answer = yield Record(fact)        have what a call brought recorded, together with others that came back by now

So a busy run pays for few transactions, each of many posts, and an idle one waits for nobody. Jobs with the same lane
(an account) never have two calls under way; among those that wait for a thread, the one due first goes first. A `Send`
keeps its thread until the `Call` that follows it ends, because its deadline is running. Where calls are so quick that
the commits take longer, more sends than there are threads are committed at once, and wait for a thread.
"""

from __future__ import annotations

import heapq
import queue
import threading
from collections import Counter
from collections.abc import Callable, Collection, Generator, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, NoReturn, Protocol

from socialcron import log
from socialcron.errors import DatabaseUnavailable
from socialcron.platforms.http import now_seconds

LINGER_SECONDS = 0.002  # for further calls to end, once one has: their posts share transactions
QUICK_SECONDS = 0.05  # a call that ends sooner tells that commits are what takes time
AHEAD = 2  # for each thread, so many more sends may be committed while calls are quick


@dataclass(frozen=True, slots=True)
class Call:
    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Until:
    moment: float


@dataclass(frozen=True, slots=True)
class Send:
    """ahead: it may be committed before a thread is free. If we die then, it counts as sent, although it was not."""

    request: Any
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Follows a `Call`."""

    fact: Any


Request = Call | Until | Send | Record
Work = Generator[Request, Any, str]


class Job(Protocol):
    """`work` returns the outcome it counts as. `give_back` releases what the job holds, whenever nothing is sent."""

    due: float  # `now_seconds`; order among waiting jobs

    @property
    def lane(self) -> Hashable: ...

    def work(self) -> Work: ...

    def give_back(self) -> str: ...


class Hooks:
    """What a batch does for its jobs as a whole, on the main thread."""

    def begin_sending(self, requests: Sequence[Any]) -> Sequence[Any]:
        """Commit `sending` for these; a verdict each, in order. An error among them is raised in its job."""
        self._sends_nothing()

    def record(self, facts: Sequence[Any]) -> Sequence[Any]:
        """Commit these; an answer each, in order. An error among them is raised in its job."""
        self._sends_nothing()

    def lanes_rest(self, lanes: Collection[Any]) -> None:
        """Every job of these has ended or waits for its moment."""

    def tick(self) -> None:
        """Called now and then, and after a failure of the database: renew leases, have the database back."""

    def _sends_nothing(self) -> NoReturn:
        raise AssertionError(f"{type(self).__name__} sends nothing")


@dataclass(slots=True, eq=False)
class _Running:
    job: Job
    number: int
    work: Work
    request: Request | None = None  # None: not started
    under_way: bool = False
    sending: bool = False  # `sending` is committed and the call that follows has not ended

    def __lt__(self, other: _Running) -> bool:
        return (self.job.due, self.number) < (other.job.due, other.number)


@dataclass(frozen=True, slots=True)
class _Done:
    """A call that has ended."""

    running: _Running
    seconds: float
    result: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class Ended:
    """How a run of jobs ended: outcomes by name, and why it stopped early, if it did."""

    outcomes: list[str] = field(default_factory=list)
    error: DatabaseUnavailable | None = None
    bug: Exception | None = None


class Runner:
    """Runs jobs until all have ended, `stop_at` has come, or `stop` was called (from a signal handler)."""

    def __init__(
        self,
        hooks: Hooks,
        *,
        concurrency: int,
        stop_at: float,
        grace_seconds: float,
        patience_seconds: float,
        tick_seconds: float,
    ) -> None:
        """How long to wait for what is under way: `grace_seconds` after `stop`, else `patience_seconds`."""
        self._hooks = hooks
        self._concurrency = self._free = concurrency  # free threads; below zero when sends run ahead
        self._quick = False  # so was the last call
        self._stop_at = stop_at
        self._grace_seconds = grace_seconds
        self._patience_seconds = patience_seconds
        self._tick_seconds = tick_seconds
        # What the threads are to call, and what came of it; None to a thread: end, None from a signal handler: wake up.
        self._calls: queue.SimpleQueue[tuple[_Running, Callable[[], Any]] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[_Done | None] = queue.SimpleQueue()
        self._waiting: list[_Running] = []  # a heap of those that want a thread
        self._parked: dict[Hashable, list[_Running]] = {}  # busy lane -> those that want a thread after it
        self._timers: list[tuple[float, int, _Running]] = []  # a heap by moment
        self._under_way: set[_Running] = set()
        self._awake: Counter[Hashable] = (
            Counter()
        )  # lane -> jobs that neither ended nor wait for their moment
        self._resting: set[Hashable] = set()  # lanes the hooks have not been told of
        self._facts: list[tuple[_Running, Record]] = []  # to be recorded
        self._numbers = count()
        self._stopped = False
        self._ended = Ended()

    def stop(self) -> None:
        """Start nothing new. Safe to call from a signal handler."""
        self._stopped = True
        self._done.put(None)

    def run(self, jobs: Sequence[Job]) -> Ended:
        for number in range(self._concurrency):
            # Daemons, unlike those of ThreadPoolExecutor: a platform that never answers cannot keep a process alive.
            threading.Thread(target=self._serve, name=f"platform-{number}", daemon=True).start()
        for job in jobs:
            running = _Running(job=job, number=next(self._numbers), work=job.work())
            self._awake[job.lane] += 1
            heapq.heappush(self._waiting, running)
        next_tick = now_seconds() + self._tick_seconds
        while self._waiting or self._parked or self._timers or self._under_way or self._facts:
            moment = now_seconds()
            if self._stopped or moment >= self._stop_at or self._ended.error:
                break
            self._wake(moment)
            self._start()
            if moment >= next_tick:
                self._guarded(self._hooks.tick)
                next_tick = moment + self._tick_seconds
            self._let_rest()
            self._collect(self._pause(next_tick))
        self._wind_down()
        self._let_rest()
        for _ in range(self._concurrency):
            self._calls.put(None)
        return self._ended

    def _serve(self) -> None:
        """A worker thread."""
        while (call := self._calls.get()) is not None:
            running, function = call
            began = now_seconds()
            try:
                done = _Done(running, result=function(), seconds=now_seconds() - began)
            except BaseException as exc:
                done = _Done(running, error=exc, seconds=now_seconds() - began)
            self._done.put(done)

    def _pause(self, next_tick: float) -> float:
        """Seconds until something is to be done without a call having ended."""
        if (self._free > 0 and self._waiting) or not (self._under_way or self._timers):
            return 0.0
        moments = [next_tick, self._stop_at] + ([self._timers[0][0]] if self._timers else [])
        return max(min(moments) - now_seconds(), 0.0)

    def _wake(self, moment: float) -> None:
        while self._timers and self._timers[0][0] <= moment:
            _, _, running = heapq.heappop(self._timers)
            self._awake[running.job.lane] += 1
            self._resume(running)

    def _start(self) -> None:
        """Give every free thread to the job due first among those whose lane has none."""
        sends: list[tuple[_Running, Send]] = []
        ahead = AHEAD * self._concurrency if self._quick and all(r.sending for r in self._under_way) else 0
        while self._free + ahead > 0 and self._waiting:
            running = heapq.heappop(self._waiting)
            if running.job.lane in self._parked:
                self._parked[running.job.lane].append(running)
                continue
            match running.request:
                case None:
                    self._resume(running)
                case Call() | Send(ahead=False) if self._free <= 0:
                    heapq.heappush(self._waiting, running)
                    break
                case Call() as call:
                    ahead = 0
                    self._occupy(running)
                    self._submit(running, call)
                case Send() as send:
                    self._occupy(running)
                    sends.append((running, send))
        if sends:
            self._begin(sends)

    def _begin(self, sends: list[tuple[_Running, Send]]) -> None:
        try:
            verdicts = self._hooks.begin_sending([send.request for _, send in sends])
        except DatabaseUnavailable as exc:
            self._ended.error = self._ended.error or exc
            for running, _ in sends:
                self._vacate(running)
                heapq.heappush(self._waiting, running)
            return
        for (running, _), verdict in zip(sends, verdicts, strict=True):
            running.sending = True
            self._answer(running, verdict)
            if running not in self._under_way:  # the verdict was no
                running.sending = False
                self._vacate(running)

    def _occupy(self, running: _Running) -> None:
        self._free -= 1
        self._parked[running.job.lane] = []

    def _vacate(self, running: _Running) -> None:
        self._free += 1
        for parked in self._parked.pop(running.job.lane):
            heapq.heappush(self._waiting, parked)

    def _submit(self, running: _Running, call: Call) -> None:
        self._under_way.add(running)
        self._calls.put((running, call.function))

    def _collect(self, seconds: float) -> None:
        """Wait for a call to end, at most `seconds`; then take all that have ended, and record what they brought."""
        with suppress(queue.Empty):
            for number in count(1):
                done = self._done.get(timeout=max(seconds, 0.0))
                if done is not None:
                    self._quick = done.seconds < QUICK_SECONDS
                    self._under_way.discard(done.running)
                    self._vacate(done.running)
                    done.running.sending = False
                    self._resume(done.running, done.result, done.error)
                seconds = LINGER_SECONDS if self._under_way and number < self._concurrency else 0.0
        self._record()

    def _record(self) -> None:
        """Before anything else starts: what came back must not wait for what goes out."""
        if not self._facts:
            return
        recording, self._facts = self._facts, []
        answers: Sequence[Any]
        try:
            answers = self._hooks.record([record.fact for _, record in recording])
        except DatabaseUnavailable as exc:
            answers = [exc] * len(recording)
        for (running, _), answer in zip(recording, answers, strict=True):
            self._answer(running, answer)

    def _answer(self, running: _Running, answer: Any) -> None:
        """Resume with what the hooks said: an error is raised in the job."""
        if isinstance(answer, Exception):
            self._resume(running, None, answer)
        else:
            self._resume(running, answer)

    def _resume(self, running: _Running, value: Any = None, error: BaseException | None = None) -> None:
        """Let a job go on until its next request."""
        try:
            running.request = running.work.send(value) if error is None else running.work.throw(error)
        except StopIteration as end:
            self._end(running, end.value)
        except DatabaseUnavailable as exc:
            self._ended.error = self._ended.error or exc
            self._end(running, None)
        except Exception as exc:
            # A bug of ours: this post keeps its claim until the lease is over; the others go on.
            log.event("job_failed", level=log.ERROR, exc_info=exc, lane=running.job.lane)
            self._ended.bug = self._ended.bug or exc
            self._end(running, None)
        else:
            match running.request:
                case Call() as call if running.sending:
                    self._submit(running, call)
                case Until(moment):
                    heapq.heappush(self._timers, (moment, running.number, running))
                    self._rest(running.job.lane)
                case Record() as record:
                    self._facts.append((running, record))
                case _:
                    heapq.heappush(self._waiting, running)

    def _end(self, running: _Running, outcome: str | None) -> None:
        if outcome is not None:
            self._ended.outcomes.append(outcome)
        self._rest(running.job.lane)

    def _rest(self, lane: Hashable) -> None:
        self._awake[lane] -= 1
        if not self._awake[lane]:
            self._resting.add(lane)

    def _let_rest(self) -> None:
        resting = {lane for lane in self._resting if not self._awake[lane]}
        self._resting.clear()
        if resting:
            self._guarded(lambda: self._hooks.lanes_rest(resting))

    def _wind_down(self) -> None:
        """Give back what has not been sent; wait for what is under way, at most the grace; then leave it."""
        began = now_seconds()
        if self._ended.error:  # what is not given back waits for its lease to end, minutes late
            self._guarded(self._hooks.tick)
        self._give_back_idle()
        while self._under_way:
            give_up_at = began + (self._grace_seconds if self._stopped else self._patience_seconds)
            if now_seconds() >= give_up_at:
                break
            self._collect(min(give_up_at - now_seconds(), self._tick_seconds))
            self._guarded(self._hooks.tick)
            self._give_back_idle()
        for running in self._under_way:
            if running.sending:
                # Its phase says so to whoever comes next; it will be settled by asking the platform.
                log.event("send_abandoned", level=log.ERROR, lane=running.job.lane)
                self._ended.outcomes.append("unconfirmed")
            else:
                self._give_back(running)

    def _give_back_idle(self) -> None:
        idle = [
            *self._waiting,
            *chain.from_iterable(self._parked.values()),
            *(timer[2] for timer in self._timers),
        ]
        self._waiting, self._timers = [], []
        self._parked = {lane: [] for lane in self._parked}
        for running in idle:
            self._give_back(running)

    def _give_back(self, running: _Running) -> None:
        def give_back() -> None:
            self._ended.outcomes.append(running.job.give_back())

        self._guarded(give_back)

    def _guarded(self, function: Callable[[], None]) -> None:
        try:
            function()
        except DatabaseUnavailable as exc:
            self._ended.error = self._ended.error or exc
