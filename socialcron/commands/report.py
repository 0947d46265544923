"""report: one page with charts, for people who do not live in a terminal."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, single_app
from socialcron.commands.display import display_zone
from socialcron.commands.files import writing
from socialcron.commands.period import FromOption, ToOption, parse_period
from socialcron.errors import BadInput

app = single_app()

DAYS_BACK, DAYS_AHEAD = 90, 30
MOST_DAYS = 3 * 366


@app.command(
    epilog=example(
        "socialcron report --html report.html",
        "socialcron report --html november.html --from 2026-11-01 --to 2026-11-30 \\",
        "    --title 'November at Corner Bakery'",
    )
)
def report(
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="Write the page here.")],
    from_: FromOption = None,
    to: ToOption = None,
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="What it is called.")
    ] = "Posts and their reach",
    posts: Annotated[
        int,
        typer.Option("--posts", metavar="N", min=1, max=200, help="Most posts with a chart, latest first."),
    ] = 50,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Write a page with the state of the queue, a calendar, and charts of what posts and profiles gained.

    One file that opens anywhere, offline, too; light or dark, on a phone, on paper. From 90 days ago to 30 days ahead
    unless --from and --to say otherwise; days are those of TZ. It names posts and accounts, and no credentials.
    """
    with command_context("report", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.batches.reporting import write_report
        from socialcron.batches.summary import counted
        from socialcron.store.scheduling import database_clock

        zone = display_zone(ctx.settings)
        period = parse_period(from_, to, zone)
        now = database_clock(ctx.database)
        today = datetime.combine(now.astimezone(zone).date(), time.min, zone)
        begin = period.begin or (period.end or today) - timedelta(days=DAYS_BACK)
        end = period.end or max(today, begin) + timedelta(days=DAYS_AHEAD + 1)
        if end - begin > timedelta(days=MOST_DAYS):
            raise BadInput(
                "a report covers three years at most", hint="Move --from and --to closer together."
            )
        page, counts = write_report(
            ctx.database, title=title, begin=begin, end=end, now=now, zone=zone, posts=posts
        )
        with writing(html) as target:
            target.write(page)
        ctx.emit(
            {"html": str(html), "bytes": len(page.encode()), "from": begin, "to": end, **counts},
            text=f"{html}: {counted(counts['posts'], 'post')} and {counted(counts['profiles'], 'profile')},"
            f" {counted(counts['readings'], 'reading')}, {len(page.encode()) / 1000:,.0f} kB",
        )
