"""status: the queue at a glance, in well under a second at millions of posts; once, or again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from socialcron.commands.common import (
    CommandContext,
    EnvFileOption,
    JsonOption,
    command_context,
    document,
    example,
    no_nan,
    single_app,
)
from socialcron.commands.display import clean, display_zone, in_zone, minute, moment, seconds, show, table
from socialcron.errors import DatabaseUnavailable, UsageError, reason
from socialcron.store.status import DAYS, SAMPLE, Overview, PlatformStatus, overview

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

app = single_app()

QUEUE_COUNTS = ("waiting", "active", "completed", "failed", "delayed", "total")
EVERY_SECONDS = 5.0


@app.command(
    epilog=example(
        "socialcron status",
        "socialcron status --watch 2",
        "socialcron status --json | jq .data.overdue_seconds",
    )
)
def status(
    every: Annotated[
        float | None,
        typer.Argument(
            metavar="[SECONDS]",
            callback=no_nan,
            min=0.1,
            max=86_400,
            help="With --watch: the time between two looks. [default: 5]",
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    prometheus: Annotated[
        Path | None,
        typer.Option(
            "--prometheus", metavar="FILE", help="Also write counts to FILE, for node_exporter (*.prom)."
        ),
    ] = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show the queue: counts, the oldest overdue post, delays, errors, rate limits, last runs.

    Averages and errors are of the last 7 days, and of the latest 5,000 posts and tries at most. Counts above 200,000
    are estimates, marked with ~.

    With --watch it is drawn in place on a terminal, else printed anew each time; under --json it is one document a
    line. While the database is away it says so, and goes on when it is back.
    """
    if every is not None and not watch:
        raise UsageError("SECONDS are for --watch", hint="socialcron status --watch 5")
    if prometheus is not None and not prometheus.name:  # an unset variable of a script
        raise UsageError(
            "no file is named for --prometheus", hint="As in --prometheus socialcron_queue.prom."
        )
    with command_context("status", json=json, env_file=env_file, replica=True) as ctx:
        now = _look(ctx, prometheus)
        if watch:
            _watch(ctx, now, prometheus, every or EVERY_SECONDS)
            return
        zone = display_zone(ctx.settings)
        ctx.emit(_data(now), text=lambda console: show(console, *_tables(now, zone), f"\n{_overdue(now)}"))


def _look(ctx: CommandContext, prometheus: Path | None) -> Overview:
    """Raises DatabaseUnavailable, SchemaError, ConfigError; UsageError if the file cannot be written."""
    if ctx.connected and ctx.connected.is_broken:
        ctx.connected.reconnect()
    now = overview(ctx.database)
    if prometheus:
        from socialcron.batches.prometheus import write_queue

        try:
            write_queue(prometheus, now)
        except OSError as exc:
            raise UsageError(
                f"cannot write {prometheus}: {reason(exc)}",
                hint="Name a file in a directory you may write to.",
            ) from exc
    return now


def _watch(ctx: CommandContext, now: Overview, prometheus: Path | None, every: float) -> None:
    """Until Ctrl-C. The first look was good, so a database that is away later may come back."""
    zone = display_zone(ctx.settings)
    try:
        with _screen(ctx, every, zone) as show_now:
            found: Overview | DatabaseUnavailable = now
            while True:
                show_now(found)
                time.sleep(every)
                try:
                    found = _look(ctx, prometheus)
                except DatabaseUnavailable as exc:
                    found = exc
    except KeyboardInterrupt:
        return


class _Show(Protocol):
    def __call__(self, found: Overview | DatabaseUnavailable) -> None: ...


@contextmanager
def _screen(ctx: CommandContext, every: float, zone: tzinfo) -> Iterator[_Show]:
    """What shows one look: as a document, on the whole of a terminal, or as further lines."""
    if ctx.json:

        def print_document(found: Overview | DatabaseUnavailable) -> None:
            if isinstance(found, DatabaseUnavailable):
                error = {"code": found.code, "message": found.message, "hint": found.hint}
                print(document("status", error=error), flush=True)
            else:
                print(document("status", data=_data(found)), flush=True)

        yield print_document
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)

    def lines(found: Overview | DatabaseUnavailable) -> list[RenderableType]:
        head = f"{moment(datetime.now(UTC), zone)}, every {seconds(every)}; Ctrl-C ends"
        if isinstance(found, DatabaseUnavailable):
            return [Text(head), Text(f"\n{clean(found.message)}\nIt is tried again.", style="bold red")]
        return [Text(f"{head}\n{_overdue(found)}\n"), *_tables(found, zone)]

    def print_lines(found: Overview | DatabaseUnavailable) -> None:
        show(console, *lines(found), "")
        sys.stdout.flush()

    if not console.is_terminal:
        yield print_lines
        return
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        yield lambda found: live.update(Group(*lines(found)), refresh=True)


def _overdue(now: Overview) -> str:
    if not now.overdue_seconds:
        return "Nothing is overdue."
    return f"The oldest overdue post has waited {seconds(now.overdue_seconds)}."


def _data(now: Overview) -> dict[str, Any]:
    return {
        "posts": {name: row.posts for name, row in now.posts.items()},
        "approximate": sorted(name for name, row in now.posts.items() if row.approximate),
        "queues": now.queues,
        "overdue_seconds": now.overdue_seconds,
        "accounts": now.accounts,
        "period_days": DAYS,
        "platforms": now.platforms,
        "errors": now.errors,
        "high_retries": now.high_retries,
        "failures": now.failures,
        "rate_limits": now.rate_limits,
        "runs": now.runs,
        "subscriptions": now.subscriptions,
    }


def _tables(now: Overview, zone: tzinfo) -> list[Table]:
    """Those with something in them."""
    found = [
        table(
            "Posts",
            [f"#{name}" for name in now.posts],
            [[f"{'~' if row.approximate else ''}{row.posts:,}" for row in now.posts.values()]],
        ),
        table(
            "\nQueues",
            ("=queue", *(f"#{name}" for name in QUEUE_COUNTS)),
            [
                (
                    name.replace("_", " "),
                    *(f"{'~' if row.approximate else ''}{getattr(row, count):,}" for count in QUEUE_COUNTS),
                )
                for name, row in now.queues.items()
                if row.total
            ],
        ),
        table(
            "\nAccounts",
            ("#active", "#blocked", "#autopost off", "#needs reconnect", "#disabled"),
            [
                (
                    now.accounts.active,
                    now.accounts.blocked,
                    now.accounts.autopost_off,
                    now.accounts.needs_reconnect,
                    now.accounts.disabled,
                )
            ],
        ),
        table(
            f"\nPosted {_period(now.platforms, zone)}",
            ("platform", "#posts", "#average after due", "#slowest", "#needed 3 tries or more"),
            [
                (
                    row.platform,
                    f"{row.posted:,}",
                    seconds(row.average_seconds),
                    seconds(row.slowest_seconds),
                    row.high_retries,
                )
                for row in now.platforms
            ],
        ),
        table(
            "\nCommonest errors",
            ("=platform", "=error", "#count", in_zone("last", zone), "as in"),
            [
                (
                    row.platform,
                    row.error_class,
                    row.count,
                    minute(row.last_at, zone),
                    clean(row.example, width=70),
                )
                for row in now.errors
            ],
        ),
        table(
            "\nMany tries, not out yet",
            ("#post", "account", "#tries", "last error"),
            [
                (
                    row.id,
                    f"{row.platform} {clean(row.handle, width=30)}",
                    f"{row.attempt} of {row.max_attempts}",
                    clean(row.last_error, width=70),
                )
                for row in now.high_retries
            ],
        ),
        table(
            "\nLatest failures",
            ("#post", "account", "=status", in_zone("when", zone), "why"),
            [
                (
                    row.id,
                    f"{row.platform} {clean(row.handle, width=30)}",
                    row.status,
                    minute(row.failed_at, zone),
                    clean(row.last_error, width=70),
                )
                for row in now.failures
            ],
        ),
        table(
            "\nRate limits",
            ("what", "#left", "#of", in_zone("until", zone), "=blocked until"),
            [
                (
                    row.key,
                    row.remaining,
                    row.limit_requests,
                    minute(row.reset_at, zone),
                    minute(row.blocked_until, zone),
                )
                for row in now.rate_limits
            ],
        ),
        table(
            "\nNot told yet",
            ("=subscription", "=state", "#waiting", "#dead", "error"),
            [
                (
                    row.name,
                    "on" if row.enabled else "off",
                    f"{row.waiting:,}",
                    f"{row.dead:,}",
                    clean(row.last_error, width=70),
                )
                for row in now.subscriptions
                if row.waiting or row.dead or row.last_error
            ],
        ),
        table(
            "\nLast runs",
            ("=command", "host", "=when", "#exit", "what"),
            [
                (
                    row.command,
                    row.host,
                    f"{seconds(row.seconds_ago)} ago",
                    row.exit_code,
                    "nothing to do" if row.idle else clean(row.error) if row.error else _outcome(row.outcome),
                )
                for row in now.runs
            ],
        ),
    ]
    return [made for made in found if made.row_count]


def _period(platforms: list[PlatformStatus], zone: tzinfo) -> str:
    """What the averages are of."""
    if any(row.approximate for row in platforms):
        return f"since {moment(min(row.since for row in platforms), zone)} (the latest {SAMPLE:,})"
    return f"in the last {DAYS} days"


def _outcome(outcome: object) -> str:
    """{"claimed": 3, "posted": 2, "failed": 0} -> "3 claimed, 2 posted"; jsonb keeps no order, so the biggest first."""
    pairs = outcome.items() if isinstance(outcome, dict) else ()
    ordered = sorted(pairs, key=lambda pair: (-pair[1] if isinstance(pair[1], int) else 0, pair[0]))
    return ", ".join(f"{clean(value)} {clean(name)}" for name, value in ordered if value)
