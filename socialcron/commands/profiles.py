"""`socialcron profiles ...`: watch public profiles, and look at what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from socialcron.batches import trigger_monitoring
from socialcron.batches.summary import counted
from socialcron.commands.accounts import check_words
from socialcron.commands.common import (
    EnvFileOption,
    JsonOption,
    PlatformOption,
    command_context,
    example,
    group_app,
)
from socialcron.commands.display import (
    IdArgument,
    clean,
    display_zone,
    fields,
    in_zone,
    listing,
    minute,
    moment,
    seconds,
    show,
    table,
)
from socialcron.errors import Refused, UsageError
from socialcron.store import monitoring
from socialcron.whens import parse_span

if TYPE_CHECKING:
    from socialcron.store.monitoring import MonitoringRun, Profile

COUNTS = ("views", "likes", "shares", "comments", "saves")
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(days=366)

app = group_app(
    "Watch public profiles: what they post, and how it grows.",
    "socialcron profiles add tiktok nasa --interval 6h",
    "socialcron profiles show 1",
)

LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="The latest N of them.")
]


@app.command(
    "add",
    epilog=example("socialcron profiles add tiktok nasa", "socialcron profiles add x nasa --interval 6h"),
)
def add_command(
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="tiktok, instagram, youtube or x.")],
    handle: Annotated[
        str, typer.Argument(metavar="HANDLE", help="As in the profile's address, with or without @.")
    ],
    interval: Annotated[
        str, typer.Option("--interval", metavar="SPAN", help="How often it is read: 6h, 24h, 7d.")
    ] = "24h",
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Watch a public profile. The next `trigger-monitoring` reads it; `profiles trigger ID --run` does so now."""
    with command_context("profiles add", json=json, env_file=env_file) as ctx:
        from socialcron.platforms import scrapecreators

        check_words("platform", [platform], scrapecreators.platforms())
        name = _handle(handle)
        span = parse_span(interval)
        if not SHORTEST <= span <= LONGEST:
            raise UsageError(f"--interval cannot be {interval}", hint="It is at least 15m and at most 366d.")
        profile_id = monitoring.add_profile(ctx.database, platform, name, interval=span)
        if profile_id is None:
            (known,) = monitoring.list_profiles(ctx.database, platforms=[platform], handle=name)
            raise UsageError(
                f"{platform} {known.handle} is watched already, as profile {known.id}",
                hint=f"`socialcron profiles show {known.id}` shows it.",
            )
        profile = monitoring.read_profile(ctx.database, profile_id)
        ctx.emit(
            {"profile": profile},
            text=f"profile {profile_id}: {platform} {name}, read every {seconds(span.total_seconds())}",
        )


@app.command("list", epilog=example("socialcron profiles list", "socialcron profiles list --platform tiktok"))
def list_command(
    platform: PlatformOption = None, json: JsonOption = False, env_file: EnvFileOption = None
) -> None:
    """List watched profiles with their totals over all posts."""
    with command_context("profiles list", json=json, env_file=env_file, replica=True) as ctx:
        rows = monitoring.list_profiles(ctx.database, platforms=platform or None)
        zone = display_zone(ctx.settings)
        columns = (
            "#id",
            "profile",
            "state",
            in_zone("next run", zone),
            "#posts",
            *(f"#{name}" for name in COUNTS),
            "error",
        )
        cells = [
            (
                row.id,
                f"{row.platform} {clean(row.handle, width=30)}",
                _state(row),
                minute(_next(row), zone),
                f"{row.posts:,}",
                *(_number(getattr(row, name)) for name in COUNTS),
                clean(row.last_error, width=60) if row.last_error else "",
            )
            for row in rows
        ]
        ctx.emit(
            {"profiles": rows},
            text=listing(columns, cells, nothing="no profiles"),
        )


@app.command(
    "show", epilog=example("socialcron profiles show 1", "socialcron profiles show 1 --limit 30 --json")
)
def show_command(
    profile_id: IdArgument,
    limit: LimitOption = 10,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show a profile: totals, its views over time, latest runs and newest posts.

    "-" (null under --json) is what its platform does not report; 0 is a reported zero.
    """
    with command_context("profiles show", json=json, env_file=env_file, replica=True) as ctx:
        profile = monitoring.read_profile(ctx.database, profile_id)
        runs = monitoring.read_runs(ctx.database, profile_id, limit=limit)
        posts = monitoring.read_posts(ctx.database, profile_id, limit=limit)
        history = _history(
            monitoring.read_runs(ctx.database, profile_id, limit=max(limit, 30), finished=True)
        )
        if json:
            ctx.emit({"profile": profile, "runs": runs, "posts": posts, "history": history})
            return
        from rich.console import Console

        from socialcron.commands.charts import line_chart

        console, zone = Console(highlight=False), display_zone(ctx.settings)
        parts: list[Any] = [_about(profile, zone)]
        drawn = next((name for name in COUNTS if getattr(profile, name) is not None), "posts")
        points = [(row["read_at"], row[drawn]) for row in reversed(history)]
        if drawing := line_chart(console, f"{drawn} of all posts", points, zone):
            parts += ["", drawing]
        if runs:
            parts += ["", _runs_table(runs, zone)]
        if posts:
            columns = (in_zone("posted", zone), *(f"#{name}" for name in COUNTS), "post")
            cells = [
                (
                    minute(post.published_at, zone),
                    *(_number(getattr(post, name)) for name in COUNTS),
                    clean(post.caption or post.url or post.remote_id, width=60),
                )
                for post in posts
            ]
            parts += ["", table("newest posts", columns, cells)]
        show(console, *parts)


@app.command(
    "history",
    epilog=example(
        "socialcron profiles history 1 --limit 30", "socialcron profiles history 1 --post 7517114944362499342"
    ),
)
def history_command(
    profile_id: IdArgument,
    limit: LimitOption = 30,
    post: Annotated[
        str | None,
        typer.Option("--post", metavar="REMOTE_ID", help="Of this post alone, by its platform's id."),
    ] = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show what each run found, newest first: the totals of a profile, or the counts of one of its posts."""
    with command_context("profiles history", json=json, env_file=env_file, replica=True) as ctx:
        monitoring.read_profile(ctx.database, profile_id)
        names: Sequence[str] = COUNTS
        if post is None:
            names = ("posts", *COUNTS)
            rows = _history(monitoring.read_runs(ctx.database, profile_id, limit=limit, finished=True))
        else:
            found = monitoring.read_posts(ctx.database, profile_id, limit=1, remote_id=post)
            if not found:
                raise UsageError(
                    f"profile {profile_id} has no post {post}",
                    hint=f"`socialcron profiles show {profile_id} --json` has the remote_id of each.",
                )
            readings = monitoring.read_post_history(ctx.database, found[0].id, limit=limit)
            rows = [{name: getattr(row, name) for name in ("read_at", *COUNTS)} for row in readings]
        zone = display_zone(ctx.settings)
        columns = (in_zone("read", zone), *(f"#{name}" for name in names))
        cells = [(minute(row["read_at"], zone), *(_number(row[name]) for name in names)) for row in rows]
        ctx.emit(
            {"profile_id": profile_id, "post": post, "history": rows},
            text=listing(columns, cells, nothing="nothing read yet"),
        )


@app.command(
    "trigger", epilog=example("socialcron profiles trigger 1", "socialcron profiles trigger 1 --run")
)
def trigger_command(
    profile_id: IdArgument,
    run: Annotated[bool, typer.Option("--run", help="Read it now and wait for the end.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Have a profile read ahead of all others, whether monitoring is on or not.

    The next `trigger-monitoring` takes it first; with --run this command reads it at once.
    """
    with command_context("profiles trigger", json=json, env_file=env_file) as ctx:
        monitoring.request_profile(ctx.database, profile_id)
        if not run:
            ctx.emit(
                {"profile_id": profile_id, "requested": True},
                text=f"profile {profile_id} goes first in the next `socialcron trigger-monitoring`",
            )
            return
        options = trigger_monitoring.Options(
            limit=1, concurrency=1, max_runtime_seconds=3600.0, profile_id=profile_id
        )
        summary = trigger_monitoring.run(ctx.database, ctx.settings, options)
        if summary.idle:
            raise Refused(
                f"another run is reading profile {profile_id} right now",
                hint=f"It is read once more after that; `socialcron profiles show {profile_id}` shows how far it is.",
            )
        (latest,) = monitoring.read_runs(ctx.database, profile_id, limit=1)
        ctx.emit({"run": latest}, text=_said(profile_id, latest))
        raise typer.Exit(summary.strict_exit_code)


@app.command(
    "monitor", epilog=example("socialcron profiles monitor on 1", "socialcron profiles monitor off 1")
)
def monitor_command(
    state: Annotated[
        Literal["on", "off"], typer.Argument(metavar="on|off", help="Whether it is read by itself.")
    ],
    profile_id: IdArgument,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Switch monitoring of a profile on or off. What was read of it stays."""
    with command_context("profiles monitor", json=json, env_file=env_file) as ctx:
        monitoring.switch_monitoring(ctx.database, profile_id, enabled=state == "on")
        profile = monitoring.read_profile(ctx.database, profile_id)
        following = (
            f", next run {moment(_next(profile), display_zone(ctx.settings))}" if state == "on" else ""
        )
        ctx.emit({"profile": profile}, text=f"monitoring of profile {profile_id} is {state}{following}")


@app.command("remove", epilog=example("socialcron profiles remove 1"))
def remove_command(profile_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Stop watching a profile and delete everything that was read of it."""
    with command_context("profiles remove", json=json, env_file=env_file) as ctx:
        monitoring.remove_profile(ctx.database, profile_id)
        ctx.emit({"removed": profile_id}, text=f"removed profile {profile_id} and its history")


def _handle(text: str) -> str:
    """Without the @; a whole address is more often a mistake than not."""
    name = text.strip().removeprefix("@")
    if not name or "/" in name or not name.isprintable() or " " in name:
        raise UsageError(
            f"{text!r} is no handle", hint="Only the name, as in `socialcron profiles add tiktok nasa`."
        )
    return name


def _state(profile: Profile) -> str:
    if profile.running:
        return "running"
    if profile.requested_at is not None:
        return "asked for"
    return "on" if profile.monitoring_enabled else "off"


def _next(profile: Profile) -> datetime | None:
    """When it is read next; None: not by itself."""
    if profile.requested_at is not None:
        return profile.requested_at
    return profile.next_run_at if profile.monitoring_enabled else None


def _history(runs: Sequence[MonitoringRun]) -> list[dict[str, Any]]:
    """The totals of the profile at the end of each run, newest first, from the first one that found a post."""
    return [
        {"read_at": run.finished_at, **{name: getattr(run, f"total_{name}") for name in ("posts", *COUNTS)}}
        for run in runs
        if run.total_posts
    ]


def _about(profile: Profile, zone: tzinfo) -> Any:
    return fields(
        f"profile {profile.id}: {profile.platform} {clean(profile.handle)}",
        [
            ("monitoring", f"{_state(profile)}, every {seconds(profile.interval.total_seconds())}"),
            ("last run", moment(profile.last_run_at, zone)),
            ("next run", moment(_next(profile), zone)),
            *([("error", f"{profile.error_class}: {profile.last_error}")] if profile.last_error else []),
            ("posts", f"{profile.posts:,}"),
            *((name, _number(getattr(profile, name))) for name in COUNTS),
        ],
    )


def _runs_table(runs: Sequence[MonitoringRun], zone: tzinfo) -> Any:
    columns = ("#run", "=status", in_zone("started", zone), "=took", "#pages", "#posts", "error")
    cells = [
        (
            run.id,
            f"{run.status}{' (asked for)' if run.manual else ''}",
            minute(run.started_at, zone),
            seconds((run.finished_at - run.started_at).total_seconds())
            if run.finished_at and run.started_at
            else "-",
            f"{run.pages:,}",
            f"{run.posts:,}",
            f"{run.error_class}: {clean(run.error, width=80)}" if run.error else "",
        )
        for run in runs
    ]
    return table("latest runs", columns, cells)


def _said(profile_id: int, run: MonitoringRun) -> str:
    read = f"profile {profile_id}: {counted(run.posts, 'post')} on {counted(run.pages, 'page')}"
    if run.status == "failed":
        return f"{read}, then it failed: {run.error_class}: {clean(run.error)}"
    if run.status == "pending":
        return f"{read}; the next run goes on there"
    return f"{read}; {clean(run.error)}" if run.error else read


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
