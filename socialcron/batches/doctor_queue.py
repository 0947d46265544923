"""Checks of `doctor` on the work itself: accounts, posts, runs, histories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from socialcron.batches.connecting import way_to_reconnect
from socialcron.batches.doctor_check import Check, counted, fail, ok, some, span, warn
from socialcron.batches.doctor_host import check_cache_folder, parse_periods, stands_in
from socialcron.settings import Settings
from socialcron.store import doctor, status
from socialcron.store.engine import Database

OVERDUE_WARN_SECONDS, OVERDUE_FAIL_SECONDS = 120.0, 600.0  # two ticks of cron; ten minutes
TOKEN_DAYS = 7  # to `accounts refresh` a week is soon; what it cannot renew by then is a person's
REQUIRED = "post-due"
CRON = "Is it in the crontab of some host? `socialcron init` shows the lines. Another period: SOCIALCRON_PERIODS."


def check_accounts(db: Database) -> Iterator[Check]:
    stopped = doctor.stopped_accounts(db)
    yield _reconnect([row for row in stopped if row.status == "needs_reconnect"])
    off = [row for row in stopped if row.has_posts and row.status != "needs_reconnect"]
    switched_off = [row for row in off if row.status == "disabled" or not row.autopost_enabled]
    blocked = [row for row in off if row not in switched_off]
    if switched_off:
        yield warn(
            "disabled accounts",
            f"posts are due by tomorrow on {_names(switched_off)}, switched off",
            f"`socialcron accounts enable {switched_off[0].id}`, or cancel the posts.",
            accounts=[row.id for row in switched_off],
        )
    if blocked:
        until = max(row.blocked_until for row in blocked if row.blocked_until).astimezone(UTC)
        yield warn(
            "blocked accounts",
            f"the platform takes nothing from {_names(blocked)}, the longest until {until:%Y-%m-%d %H:%M} UTC",
            "Nothing to do if it ends soon; `socialcron status` shows the limits.",
            accounts=[row.id for row in blocked],
        )
    yield _tokens(doctor.ending_tokens(db, days=TOKEN_DAYS))


def _reconnect(accounts: list[doctor.Stopped]) -> Check:
    if not accounts:
        return ok("accounts", "none has to be connected again")
    first = accounts[0]
    return (fail if first.has_posts else warn)(
        "accounts",
        f"to be connected again by a person: {_names(accounts)}"
        + ("; posts wait for it" if first.has_posts else ""),
        f"{way_to_reconnect(first.platform, first.id)}.",
        accounts=[row.id for row in accounts],
    )


def _tokens(ending: list[doctor.Token]) -> Check:
    if not ending:
        return ok("tokens", f"none ends within {TOKEN_DAYS} days")
    first = ending[0]
    said = [
        f"{row.platform} {row.handle} ({row.days_left:.0f} days left)"
        if row.days_left >= 1
        else f"{row.platform} {row.handle} ({'less than a day left' if row.days_left > 0 else 'over'})"
        for row in ending
    ]
    return (fail if first.days_left <= 0 else warn)(
        "tokens",
        f"soon only a person can renew: {some(said, 3)}",
        f"`socialcron accounts refresh {first.id}`; failing that, {way_to_reconnect(first.platform, first.id)}.",
        accounts={row.id: round(row.days_left, 1) for row in ending},
    )


def check_addresses(db: Database, settings: Settings) -> Iterator[Check]:
    found = [row for row in doctor.own_addresses(db) if stands_in(row.address)]
    if found:
        said = [f"of {counted(row.accounts, 'account')} go to {row.address}" for row in found]
        yield warn(
            "addresses",
            f"posts {some(said, 3)}, which {'is' if len(found) == 1 else 'are'} not the platform",
            "Fine for tests. Else `socialcron accounts set ID base_url=` goes back to the platform's own address.",
            addresses={row.address: row.accounts for row in found},
        )
    else:
        yield ok("addresses", "accounts post to public addresses by https")
    if settings.scrapecreators_url and stands_in(settings.scrapecreators_url):
        yield warn(
            "provider address",
            f"profiles are read from {settings.scrapecreators_url}, which is not ScrapeCreators",
            "Fine for tests. Else unset SOCIALCRON_SCRAPECREATORS_URL.",
        )


def check_runs(db: Database, settings: Settings) -> Iterator[Check]:
    periods = parse_periods(settings.periods)
    last = {run.command.replace(" ", "-"): run for run in status.last_runs(db)}
    work, age = doctor.commands_with_work(db), doctor.schema_age(db)
    for command, period in periods.items():
        yield _run(command, period, last.get(command), needed=work.get(command, True), age=age)
    if work["trigger-monitoring"] and not settings.scrapecreators_api_key:
        yield fail(
            "provider key",
            "profiles are watched, and SCRAPECREATORS_API_KEY is not set",
            "Set it, or stop watching: `socialcron profiles monitor off ID`.",
        )
    if settings.cache_dir or "cache-media" in last:
        yield check_cache_folder(settings)


def _run(command: str, period: float, run: status.LastRun | None, *, needed: bool, age: float) -> Check:
    late = fail if command == REQUIRED else warn
    if run is None:
        if needed and command != REQUIRED and age < period + 60:
            said = f"it has not run yet: it should every {span(period)}, and the schema is {span(age)} old"
            return ok(command, said, period_seconds=period)
        if needed:
            return late(command, "it has never run", CRON, period_seconds=period)
        return ok(command, "it has never run, and has nothing to do", period_seconds=period)
    ago, code = run.seconds_ago, run.exit_code
    data = {
        "period_seconds": period,
        "seconds_ago": ago,
        "exit_code": code,
        "error": run.error,
        "host": run.host,
    }
    # Three periods: one tick may be lost, and a run with a look-ahead is on record when it ends.
    if needed and ago > 3 * period + 60:
        return late(command, f"it last ran {span(ago)} ago, and should every {span(period)}", CRON, **data)
    if code not in (None, 0, 1, 75):
        return late(
            command,
            f"its last run, {span(ago)} ago on {run.host}, ended with {code}: {run.error or 'no reason on record'}",
            "The log of that run has more; README says what the exit code means.",
            **data,
        )
    return ok(command, f"it ran {span(ago)} ago", **data)


def check_posts(db: Database) -> Iterator[Check]:
    yield _overdue(doctor.overdue(db))
    troubles = doctor.troubles(db)
    look = {
        "unconfirmed": (
            "nobody knows whether {} went out, and no platform can tell",
            "Look at the account: `socialcron posts explain {}`, then `posts resolve`.",
        ),
        "failed": (
            "{} failed in the last 24 hours",
            "`socialcron posts explain {}`; all of them: `socialcron posts list --status failed`.",
        ),
        "missed": (
            "{} came too late to be sent in the last 24 hours",
            "`socialcron posts explain {}` says what to do with it.",
        ),
    }
    for kind, (message, hint) in look.items():
        found = troubles[kind]
        if found.posts:
            yield warn(
                f"{kind} posts",
                message.format(counted(found.posts, "post")),
                hint.format(found.latest_id),
                posts=found.posts,
                latest_id=found.latest_id,
            )
        else:
            yield ok(f"{kind} posts", "none", posts=0)


def _overdue(found: doctor.Overdue | None) -> Check:
    waited = found.seconds if found else 0.0
    if found is None or waited < OVERDUE_WARN_SECONDS:
        return ok("overdue posts", "none", seconds=waited)
    return (fail if waited >= OVERDUE_FAIL_SECONDS else warn)(
        "overdue posts",
        f"post {found.id} has waited for {span(waited)}",
        f"`socialcron posts explain {found.id}` says why.",
        seconds=waited,
        post_id=found.id,
    )


def check_partitions(db: Database) -> Iterator[Check]:
    if missing := doctor.missing_partitions(db):
        yield warn(
            "partitions",
            f"not made yet: {some(missing)}",
            "`socialcron maintain` makes them; so does whoever writes to them first, which then takes a moment longer.",
            missing=missing,
        )
    else:
        yield ok("partitions", "this month's and next month's are there")


def check_deliveries(db: Database) -> Iterator[Check]:
    found = doctor.undelivered(db)
    dead = [row for row in found if row.dead]
    late = [row for row in found if row.late]
    if dead:
        why = dead[0].last_error
        yield warn(
            "deliveries",
            f"given up in the last 7 days: {some(_events(dead, 'dead'))}" + (f" ({why})" if why else ""),
            f"`socialcron subscriptions test {dead[0].name}`, then `socialcron subscriptions retry {dead[0].name}`.",
            subscriptions={row.name: row.dead for row in dead},
        )
    else:
        yield ok("deliveries", "none was given up")
    if late:
        yield warn(
            "late deliveries",
            f"due for an hour: {some(_events(late, 'late'))}",
            "Every cron job delivers at its end: does any run? `socialcron subscriptions deliver` does it now.",
            subscriptions={row.name: row.late for row in late},
        )


def check_recurrences(db: Database) -> Iterator[Check]:
    if found := doctor.unfilled_recurrences(db):
        broken = next((row for row in found if row.last_error), None)
        yield warn(
            "recurrences",
            f"the next posts of {counted(len(found), 'recurrence')} are not made"
            + (f"; of {broken.id}: {broken.last_error}" if broken else f", {span(found[0].seconds)} late"),
            f"`socialcron recurrences show {broken.id}`; end it and write it anew."
            if broken
            else "post-due makes them, and maintain: are they in the crontab?",
            recurrences=[row.id for row in found],
        )
    else:
        yield ok("recurrences", "their posts are made ahead")


def _events(rows: list[doctor.Undelivered], kind: str) -> list[str]:
    return [f"{counted(getattr(row, kind), 'event')} to {row.name}" for row in rows]


def _names(rows: list[doctor.Stopped]) -> str:
    return some([f"{row.platform} {row.handle} ({row.id})" for row in rows], 3)
