"""collect-metrics: read views, likes and the like of published posts, then exit."""

from __future__ import annotations

from typing import Annotated

import typer

from socialcron.batches import collect_metrics as batch
from socialcron.batches.summary import counted
from socialcron.commands.common import (
    ConcurrencyOption,
    DryRunOption,
    EnvFileOption,
    JsonOption,
    MaxRuntimeOption,
    PlatformOption,
    StrictOption,
    cron_job,
    example,
    single_app,
)

app = single_app()


@app.command(
    epilog=example("socialcron collect-metrics", "socialcron collect-metrics --platform x --limit 10000")
)
def collect_metrics(
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Most posts to read in this run.")
    ] = 1000,
    concurrency: ConcurrencyOption = None,
    platform: PlatformOption = None,
    max_runtime: MaxRuntimeOption = None,
    dry_run: DryRunOption = False,
    strict: StrictOption = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Read views, likes, comments, shares and saves of published posts whose next reading is due, then exit.

    Each hour on a post's first day, ever more rarely until it is 30 days old (SOCIALCRON_METRICS_LADDER). At most 100
    requests a minute per platform app, whatever the number of runs. Prints nothing when nothing was due.
    """
    with cron_job("collect-metrics", json=json, env_file=env_file, watched=not dry_run) as ctx:
        if platform:
            from socialcron.platforms import registry

            for name in platform:
                registry.check(name)
        options = batch.Options(
            limit=limit,
            concurrency=concurrency or ctx.settings.concurrency,
            max_runtime_seconds=max_runtime if max_runtime is not None else 300.0,
            platforms=platform or None,
        )
        if dry_run:
            due = batch.peek(ctx.database, options)
            lines = [
                f"{counted(row.posts, 'post')} of {row.platform} account {row.account_id}" for row in due
            ]
            ctx.emit({"dry_run": True, "due": due}, text="\n".join(lines) or "nothing due")
            return
        summary = batch.run(ctx.database, ctx.settings, options)
        ctx.emit(summary.data, text=None if summary.idle else summary.as_line())
        raise typer.Exit(summary.strict_exit_code if strict else summary.exit_code)
