"""post-due: publish posts whose time has come, then exit."""

from __future__ import annotations

from typing import Annotated

import typer

from socialcron.batches import post_due as batch
from socialcron.commands.common import (
    ConcurrencyOption,
    DryRunOption,
    EnvFileOption,
    JsonOption,
    LimitOption,
    MaxRuntimeOption,
    PlatformOption,
    StrictOption,
    cron_job,
    example,
    no_nan,
    single_app,
)

app = single_app()


@app.command(epilog=example("socialcron post-due", "socialcron post-due --look-ahead 60 --limit 200 --json"))
def post_due(
    limit: LimitOption = 50,
    concurrency: ConcurrencyOption = None,
    platform: PlatformOption = None,
    look_ahead: Annotated[
        float | None,
        typer.Option(
            callback=no_nan,
            min=0,
            max=3600,
            metavar="SECONDS",
            help="Also take what comes due this soon, prepare it, and send each post at its second. "
            "[default: LOOK_AHEAD_MINUTES, 1 minute]",
        ),
    ] = None,
    max_runtime: MaxRuntimeOption = None,
    grace: Annotated[
        float,
        typer.Option(
            callback=no_nan,
            min=0,
            max=3600,
            metavar="SECONDS",
            help="After SIGTERM, wait this long for answers.",
        ),
    ] = 25.0,
    dry_run: DryRunOption = False,
    strict: StrictOption = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Publish posts whose time has come, settle unconfirmed ones, then exit.

    Any number of runs may overlap, on any number of hosts. Prints nothing when nothing was due.
    """
    with cron_job("post-due", json=json, env_file=env_file, watched=not dry_run) as ctx:
        if platform:
            from socialcron.platforms import registry

            for name in platform:
                registry.check(name)
        ahead = ctx.settings.look_ahead_minutes * 60.0 if look_ahead is None else look_ahead
        options = batch.Options(
            limit=limit,
            concurrency=concurrency or ctx.settings.concurrency,
            look_ahead_seconds=ahead,
            max_runtime_seconds=max_runtime if max_runtime is not None else ahead + 300.0,
            grace_seconds=grace,
            platforms=platform or None,
        )
        if dry_run:
            from socialcron.commands.display import clean, display_zone, moment

            due = batch.peek(ctx.database, ctx.settings, options)
            zone = display_zone(ctx.settings)
            ctx.emit(
                {"dry_run": True, "due": due},
                text="\n".join(
                    f"post {row['id']} on {row['platform']} {clean(row['handle'])}, due {moment(row['due_at'], zone)}"
                    for row in due
                )
                or "nothing due",
            )
            return
        summary = batch.run(ctx.database, ctx.settings, options)
        ctx.emit(summary.data, text=None if summary.idle else summary.as_line())
        exit_code = summary.strict_exit_code if strict else summary.exit_code
        raise typer.Exit(exit_code)
