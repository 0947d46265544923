"""Numbers for Prometheus, as files for node_exporter's textfile collector: one per cron command, one of the queue.

Each file is written whole and then renamed, so a reader never sees half of one. Totals live in the file itself: a run
adds to what it finds there, under a lock. A file that is deleted begins at zero, which Prometheus takes for a restart.
Source: https://github.com/prometheus/node_exporter#textfile-collector, https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import fcntl
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from socialcron.errors import ServiceUnavailable
from socialcron.exitcodes import ExitCode

if TYPE_CHECKING:
    from socialcron.batches.watching import Ended
    from socialcron.store.status import Overview

LOCK_SECONDS = 1.0  # others hold it for milliseconds; one that was stopped in between must not stop us


def write_run(directory: Path, run: Ended) -> None:
    """Add `run` to the file of its command. Raises OSError, ServiceUnavailable."""
    path = directory / f"socialcron_{run.command.replace('-', '_').replace(' ', '_')}.prom"
    with _locked(path):
        for left in directory.glob(f"{path.name}.*"):  # of a run that was killed while it wrote
            left.unlink(missing_ok=True)
        before = _read(path)
        command = {"command": run.command}
        success = before.get(("socialcron_run_success_timestamp_seconds", (("command", run.command),)))
        if run.exit_code is ExitCode.OK:
            success = run.ended_at
        runs = _totals(before, "socialcron_runs_total", "exit_code")
        runs[str(int(run.exit_code))] += 1
        outcomes = _totals(before, "socialcron_outcomes_total", "outcome")
        # "claimed" is the sum of what became of them.
        outcomes.update({name: count for name, count in run.counts.items() if name != "claimed"})
        families = [
            gauge("run_start_timestamp_seconds", "When the last run began.", [(command, run.started_at)]),
            gauge("run_end_timestamp_seconds", "When the last run ended.", [(command, run.ended_at)]),
            gauge(
                "run_duration_seconds",
                "How long the last run took, its look-ahead included.",
                [(command, run.ended_at - run.started_at)],
            ),
            gauge("run_exit_code", "How the last run ended.", [(command, int(run.exit_code))]),
            gauge(
                "run_success_timestamp_seconds",
                "When the last run ended that exited with 0.",
                [] if success is None else [(command, success)],
            ),
            _counter("runs", "Runs by exit code.", command, "exit_code", runs),
            _counter(
                "outcomes",
                "What runs counted: what became of what they claimed, requests, pages and the like.",
                command,
                "outcome",
                outcomes,
            ),
        ]
        write(path, families)


def write_queue(path: Path, now: Overview) -> None:
    """What `status` shows, as numbers; those of large tables are estimates. Raises OSError."""
    queues = [
        ({"queue": queue, "state": state}, getattr(counts, state))
        for queue, counts in now.queues.items()
        for state in ("waiting", "active", "completed", "failed", "delayed")
    ]
    accounts = [
        ({"status": status}, getattr(now.accounts, status))
        for status in ("active", "needs_reconnect", "disabled")
    ]
    remaining = [
        ({"key": row.key, "platform": row.platform}, row.remaining)
        for row in now.rate_limits
        if row.remaining is not None
    ]
    blocked = [
        ({"key": row.key, "platform": row.platform}, row.blocked_until.timestamp())
        for row in now.rate_limits
        if row.blocked_until is not None
    ]
    ended = [({"command": run.command}, (run.finished_at or run.started_at).timestamp()) for run in now.runs]
    codes = [({"command": run.command}, run.exit_code) for run in now.runs if run.exit_code is not None]
    posts = [({"status": status}, row.posts) for status, row in now.posts.items()]
    families = [
        gauge("status_timestamp_seconds", "When these numbers were read.", [({}, time.time())]),
        gauge("posts", "Posts by status.", posts),
        gauge("overdue_seconds", "How long the oldest overdue post has waited.", [({}, now.overdue_seconds)]),
        gauge("queue_jobs", "Jobs of each queue.", queues),
        gauge("accounts", "Accounts by status.", accounts),
        gauge("accounts_blocked", "Active accounts that a rate limit blocks.", [({}, now.accounts.blocked)]),
        gauge("accounts_autopost_off", "Active accounts switched off.", [({}, now.accounts.autopost_off)]),
        gauge("rate_limit_remaining", "Requests left, of the tightest limits.", remaining),
        gauge("rate_limit_blocked_until_timestamp_seconds", "When a platform lets us again.", blocked),
        gauge("command_last_run_timestamp_seconds", "When a command last ran, on any host.", ended),
        gauge("command_last_exit_code", "How it ended.", codes),
    ]
    write(path, families)


def gauge(name: str, says: str, samples: Iterable[tuple[dict[str, str], float]]) -> Metric:
    """samples: labels and value; all have the same labels."""
    family = GaugeMetricFamily(f"socialcron_{name}", says)
    for labels, value in samples:
        family.add_sample(family.name, labels, value)
    return family


def write(path: Path, families: Iterable[Metric]) -> None:
    """Replace `path` in one step. Raises OSError."""
    made = list(families)

    class Made(Collector):
        def collect(self) -> Iterable[Metric]:
            return made

    registry = CollectorRegistry()
    registry.register(Made())
    write_to_textfile(str(path), registry)


def _counter(name: str, says: str, command: dict[str, str], label: str, totals: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"socialcron_{name}", says)
    for word, total in sorted(totals.items()):
        family.add_sample(f"{family.name}_total", {**command, label: word}, total)
    return family


_Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _read(path: Path) -> _Samples:
    """(name, labels) -> value of the file as it is; nothing where there is none, or none that can be understood."""
    try:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(path.read_text(encoding="utf-8"))
            for sample in family.samples
        }
    except (FileNotFoundError, ValueError, KeyError):
        return {}


def _totals(before: _Samples, name: str, label: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for (sample, labels), value in before.items():
        if sample == name:
            found[dict(labels)[label]] = int(value)
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process at a time adds to `path`. Raises ServiceUnavailable where another one never ends."""
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        give_up_at = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise ServiceUnavailable(f"another run keeps {path.name} locked") from None
                time.sleep(0.01)
        yield
