"""reset-stuck: take posts back from runs that died."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from socialcron.commands.common import EnvFileOption, JsonOption, cron_job, example, no_nan, single_app
from socialcron.store import posts, runs

app = single_app()


@app.command(epilog=example("socialcron reset-stuck --threshold-minutes 5"))
def reset_stuck(
    threshold_minutes: Annotated[
        float | None,
        typer.Option(
            callback=no_nan,
            min=0,
            max=525_600,
            metavar="MINUTES",
            help="How long without a sign of life makes a post stuck; 0 still respects a live lease. "
            "[default: STUCK_THRESHOLD_MINUTES, 10]",
        ),
    ] = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Take posts back from runs that died: to the queue, or to unconfirmed if they may be out.

    post-due does the same first, so this is for a shorter threshold or a queue that post-due does not serve.
    """
    with cron_job("reset-stuck", json=json, env_file=env_file) as ctx:
        started = time.monotonic()
        minutes = ctx.settings.stuck_threshold_minutes if threshold_minutes is None else threshold_minutes
        stuck = posts.due_work(ctx.database, look_ahead_seconds=0, stuck_seconds=minutes * 60).posts_stuck
        data = {"rescheduled": 0, "unconfirmed": 0, "failed": 0, "cancelled": 0}
        if stuck:
            from socialcron.batches.recovery import recover_stuck_posts

            recovered = recover_stuck_posts(ctx.database, ctx.settings, threshold_minutes=minutes)
            data = {name: getattr(recovered, name) for name in data}
        if not any(data.values()):
            runs.heartbeat(ctx.database, "reset-stuck")
            ctx.emit(data)
            return
        runs.record_run(
            ctx.database,
            "reset-stuck",
            duration_seconds=time.monotonic() - started,
            exit_code=0,
            outcome=data,
        )
        ctx.emit(data, text=", ".join(f"{count} {name}" for name, count in data.items() if count))
