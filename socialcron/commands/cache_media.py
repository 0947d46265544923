"""cache-media: keep covers and thumbnails of monitored posts, then exit."""

from __future__ import annotations

from typing import Annotated

import typer

from socialcron.batches import cache_media as batch
from socialcron.batches.summary import counted
from socialcron.commands.common import (
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


@app.command(epilog=example("socialcron cache-media", "socialcron cache-media --again --limit 20000"))
def cache_media(
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Most pictures to fetch in this run.")
    ] = 1000,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", min=1, metavar="N", help="Pictures fetched at once. [default: CONCURRENCY, 5]"
        ),
    ] = None,
    platform: PlatformOption = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Also what failed, is gone, was dropped for want of room, or has lost its file."
        ),
    ] = False,
    max_runtime: MaxRuntimeOption = None,
    dry_run: DryRunOption = False,
    strict: StrictOption = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Fetch covers and thumbnails of monitored posts into a folder (SOCIALCRON_CACHE_DIR), then exit.

    Those of the freshest posts first. When the folder is full (SOCIALCRON_CACHE_MAX_BYTES), the pictures of the oldest
    posts of each profile make room. Prints nothing when nothing was due.
    """
    with cron_job("cache-media", json=json, env_file=env_file, watched=not dry_run) as ctx:
        if platform:
            from socialcron.commands.accounts import check_words
            from socialcron.platforms import scrapecreators

            check_words("platform", platform, scrapecreators.platforms())
        options = batch.Options(
            limit=limit,
            concurrency=concurrency or ctx.settings.concurrency,
            max_runtime_seconds=max_runtime if max_runtime is not None else 300.0,
            platforms=platform or None,
            again=again,
        )
        if dry_run:
            due = batch.peek(ctx.database, options)
            lines = [
                f"{row.platform} {row.handle}: {counted(row.pictures, 'picture')}"
                f"{', and what its last run brought' if row.unlisted else ''}"
                for row in due
            ]
            ctx.emit({"dry_run": True, "due": due}, text="\n".join(lines) or "nothing due")
            return
        summary = batch.run(ctx.database, ctx.settings, options)
        ctx.emit(summary.data, text=None if summary.idle else summary.as_line())
        raise typer.Exit(summary.strict_exit_code if strict else summary.exit_code)
