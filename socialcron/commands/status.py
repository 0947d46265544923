"""status: the queue at a glance, in well under a second at millions of posts."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, single_app
from socialcron.commands.display import clean, display_zone, in_zone, minute, moment, seconds, show, table
from socialcron.store.status import DAYS, SAMPLE, PlatformStatus

if TYPE_CHECKING:
    from rich.table import Table

app = single_app()

QUEUE_COUNTS = ("waiting", "active", "completed", "failed", "delayed", "total")


@app.command(epilog=example("socialcron status", "socialcron status --json | jq .data.overdue_seconds"))
def status(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Show the queue: counts, the oldest overdue post, delays, errors, rate limits, last runs.

    Averages and errors are of the last 7 days, and of the latest 5,000 posts and tries at most. Counts above 200,000
    are estimates, marked with ~.
    """
    with command_context("status", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store import status as queries

        db, zone = ctx.database, display_zone(ctx.settings)
        counts = queries.count_posts(db)
        queues = queries.queues(db, counts)
        overdue = queries.overdue_seconds(db)
        accounts = queries.accounts(db)
        platforms = queries.platforms(db)
        errors = queries.errors(db)
        retries = queries.high_retries(db)
        failures = queries.failures(db)
        limits = queries.limits(db)
        runs = queries.last_runs(db)

        def tables() -> list[Table]:
            found = [
                table(
                    "Posts",
                    [f"#{name}" for name in counts],
                    [[f"{'~' if row.approximate else ''}{row.posts:,}" for row in counts.values()]],
                ),
                table(
                    "\nQueues",
                    ("=queue", *(f"#{name}" for name in QUEUE_COUNTS)),
                    [
                        (
                            name.replace("_", " "),
                            *(
                                f"{'~' if row.approximate else ''}{getattr(row, count):,}"
                                for count in QUEUE_COUNTS
                            ),
                        )
                        for name, row in queues.items()
                        if row.total
                    ],
                ),
                table(
                    "\nAccounts",
                    ("#active", "#blocked", "#autopost off", "#needs reconnect", "#disabled"),
                    [
                        (
                            accounts.active,
                            accounts.blocked,
                            accounts.autopost_off,
                            accounts.needs_reconnect,
                            accounts.disabled,
                        )
                    ],
                ),
                table(
                    f"\nPosted {_period(platforms, zone)}",
                    ("platform", "#posts", "#average after due", "#slowest", "#needed 3 tries or more"),
                    [
                        (
                            row.platform,
                            f"{row.posted:,}",
                            seconds(row.average_seconds),
                            seconds(row.slowest_seconds),
                            row.high_retries,
                        )
                        for row in platforms
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
                        for row in errors
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
                        for row in retries
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
                        for row in failures
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
                        for row in limits
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
                            "nothing to do"
                            if row.idle
                            else clean(row.error)
                            if row.error
                            else _outcome(row.outcome),
                        )
                        for row in runs
                    ],
                ),
            ]
            return [made for made in found if made.row_count]

        late = (
            f"\nThe oldest overdue post has waited {seconds(overdue)}."
            if overdue
            else "\nNothing is overdue."
        )
        ctx.emit(
            {
                "posts": {name: row.posts for name, row in counts.items()},
                "approximate": sorted(name for name, row in counts.items() if row.approximate),
                "queues": queues,
                "overdue_seconds": overdue,
                "accounts": accounts,
                "period_days": DAYS,
                "platforms": platforms,
                "errors": errors,
                "high_retries": retries,
                "failures": failures,
                "rate_limits": limits,
                "runs": runs,
            },
            text=lambda console: show(console, *tables(), late),
        )


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
