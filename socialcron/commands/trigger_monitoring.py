"""trigger-monitoring: read the public profiles that are watched, then exit."""

from __future__ import annotations

from typing import Annotated

import typer

from socialcron.batches import trigger_monitoring as batch
from socialcron.commands.common import (
    DryRunOption,
    EnvFileOption,
    JsonOption,
    LimitOption,
    MaxRuntimeOption,
    PlatformOption,
    StrictOption,
    cron_job,
    example,
    single_app,
)

app = single_app()


@app.command(
    epilog=example(
        "socialcron trigger-monitoring", "socialcron trigger-monitoring --platform tiktok --limit 200"
    )
)
def trigger_monitoring(
    limit: LimitOption = 50,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", min=1, metavar="N", help="Profiles read at once. [default: CONCURRENCY, 5]"
        ),
    ] = None,
    platform: PlatformOption = None,
    max_runtime: MaxRuntimeOption = None,
    dry_run: DryRunOption = False,
    strict: StrictOption = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Read all posts of watched public profiles whose next run has come, then exit.

    Those somebody asked for (`profiles trigger`) go first. Each page costs a credit at ScrapeCreators. What does not
    fit into --max-runtime goes on at its page in the next run. Prints nothing when nothing was due.
    """
    with cron_job("trigger-monitoring", json=json, env_file=env_file, watched=not dry_run) as ctx:
        if platform:
            from socialcron.commands.accounts import check_words
            from socialcron.platforms import scrapecreators

            check_words("platform", platform, scrapecreators.platforms())
        options = batch.Options(
            limit=limit,
            concurrency=concurrency or ctx.settings.concurrency,
            max_runtime_seconds=max_runtime if max_runtime is not None else 300.0,
            platforms=platform or None,
        )
        if dry_run:
            due = batch.peek(ctx.database, options)
            lines = [
                f"profile {row.id}: {row.platform} {row.handle}{', asked for' if row.manual else ''}"
                for row in due
            ]
            ctx.emit({"dry_run": True, "due": due}, text="\n".join(lines) or "nothing due")
            return
        summary = batch.run(ctx.database, ctx.settings, options)
        ctx.emit(summary.data, text=None if summary.idle else summary.as_line())
        raise typer.Exit(summary.strict_exit_code if strict else summary.exit_code)
