"""`socialcron metrics ...`: what published posts gained, as numbers and as a line over time."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from socialcron.commands.accounts import check_words
from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, group_app
from socialcron.commands.display import (
    IdArgument,
    clean,
    display_zone,
    in_zone,
    listing,
    minute,
    moment,
    show,
    table,
)
from socialcron.commands.period import FromOption, ToOption, parse_period
from socialcron.errors import UsageError
from socialcron.store.reporting import COUNTS

if TYPE_CHECKING:
    from socialcron.store.reporting import MeasuredPost

SORTS = ("posted", *COUNTS)

app = group_app(
    "Look at what published posts gained.",
    "socialcron metrics show 42",
    "socialcron metrics list --sort views --from 2026-11-01",
)


@app.command("show", epilog=example("socialcron metrics show 42", "socialcron metrics show 42 --count likes"))
def show_command(
    post_id: IdArgument,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="The latest N readings.")
    ] = 30,
    count: Annotated[
        str | None,
        typer.Option(
            "--count", metavar="NAME", help=f"What to draw: {', '.join(COUNTS)}. [default: the first it has]"
        ),
    ] = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show the readings of a post, newest first, and draw one of its counts over time.

    "-" (null under --json) is what its platform does not report; 0 is a reported zero.
    """
    with command_context("metrics show", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.reporting import read_measured_post, read_post_metrics

        check_words("count", [count] if count else None, COUNTS)
        post = read_measured_post(ctx.database, post_id)
        if post is None:
            raise UsageError(
                f"there is no published post {post_id}",
                hint=f"`socialcron posts explain {post_id}` says where a post stands.",
            )
        readings = read_post_metrics(ctx.database, post_id, limit=limit)
        zone = display_zone(ctx.settings)
        data = {**{name: getattr(post, name) for name in post.__dataclass_fields__}, "readings": readings}
        if json:
            ctx.emit(data)
            return
        from rich.console import Console

        from socialcron.commands.charts import line_chart

        console = Console(highlight=False)
        head = (
            f"post {post_id} on {post.platform} {clean(post.handle)}, posted {moment(post.posted_at, zone)}"
        )
        parts: list[object] = [head, clean(post.text, width=console.width), _next(post, zone)]
        if readings:
            columns = (in_zone("read", zone), *(f"#{name}" for name in COUNTS))
            cells = [
                (minute(row.read_at, zone), *(_number(getattr(row, name)) for name in COUNTS))
                for row in readings
            ]
            parts += ["", table("", columns, cells)]
            drawn = count or next(
                (name for name in COUNTS if any(getattr(row, name) is not None for row in readings)), "views"
            )
            points = [(row.read_at, getattr(row, drawn)) for row in reversed(readings)]
            if drawing := line_chart(console, drawn, points, zone):
                parts += ["", drawing]
        show(console, *parts)


@app.command(
    "list",
    epilog=example(
        "socialcron metrics list", "socialcron metrics list --sort views --from 2026-11-01 --limit 10"
    ),
)
def list_command(
    sort: Annotated[
        str,
        typer.Option(
            "--sort", metavar="NAME", help=f"Most first: {', '.join(COUNTS)}; posted: latest first."
        ),
    ] = "posted",
    from_: FromOption = None,
    to: ToOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="Most posts to list.")
    ] = 30,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """List published posts with the latest reading of each. --from and --to are about when they were posted.

    It looks at the latest 10,000 posts of the period; posts without any reading are left out.
    """
    with command_context("metrics list", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.reporting import list_latest_metrics

        check_words("sort", [sort], SORTS)
        zone = display_zone(ctx.settings)
        period = parse_period(from_, to, zone)
        rows = list_latest_metrics(ctx.database, begin=period.begin, end=period.end, sort=sort, limit=limit)
        columns = ("#post", "account", in_zone("posted", zone), *(f"#{name}" for name in COUNTS), "text")
        cells = [
            (
                row.post_id,
                f"{row.platform} {clean(row.handle, width=30)}",
                minute(row.posted_at, zone),
                *(_number(getattr(row, name)) for name in COUNTS),
                clean(row.text, width=50),
            )
            for row in rows
        ]
        ctx.emit(
            {"posts": rows},
            text=listing(columns, cells, nothing="no readings"),
        )


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _next(post: MeasuredPost, zone: tzinfo) -> str:
    if post.gone_at is not None:
        return f"It is gone: its platform said so at {moment(post.gone_at, zone)}."
    if post.next_at is None:
        return f"It is not read any more{f': {clean(post.last_error)}' if post.last_error else '.'}"
    error = f" The last try failed: {clean(post.last_error)}" if post.last_error else ""
    return f"The next reading is due {moment(post.next_at, zone)}.{error}"
