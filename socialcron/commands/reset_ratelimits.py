"""reset-ratelimits: clear rate limits whose window has passed."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from socialcron.commands.common import EnvFileOption, JsonOption, cron_job, example, single_app
from socialcron.store import ratelimits, runs

app = single_app()

COMMAND = "reset-ratelimits"


@app.command(
    epilog=example("socialcron reset-ratelimits", "socialcron reset-ratelimits --all   # the daily wipe")
)
def reset_ratelimits(
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also those whose window is still open, and free every account they block."
        ),
    ] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Clear rate limits whose window has passed. Prints nothing when there were none.

    Our own pace (requests a minute) is a promise to the platform and left alone, also by --all.
    """
    with cron_job(COMMAND, json=json, env_file=env_file) as ctx:
        started = time.monotonic()
        reset = ratelimits.reset_elapsed_limits(ctx.database, everything=everything)
        if not reset:
            runs.heartbeat(ctx.database, COMMAND)
            ctx.emit({"reset": 0})
            return
        runs.record_run(
            ctx.database,
            COMMAND,
            duration_seconds=time.monotonic() - started,
            exit_code=0,
            outcome={"reset": reset},
        )
        ctx.emit({"reset": reset}, text=f"{reset} rate limits reset")
