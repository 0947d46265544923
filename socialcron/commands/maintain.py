"""maintain: keep the tables in shape; for once a day."""

from __future__ import annotations

import time

from socialcron.commands.common import EnvFileOption, JsonOption, cron_job, example, single_app
from socialcron.store import maintenance, runs

app = single_app()


@app.command(epilog=example("socialcron maintain"))
def maintain(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Drop history past its retention, make next month's partitions and posts, heal hints. For once a day.

    Nothing breaks where it never runs: writers make the partitions they need, a claim heals what it looks at, and
    post-due makes the posts of recurrences.
    """
    with cron_job("maintain", json=json, env_file=env_file) as ctx:
        from socialcron.batches.planning import fill_recurrences
        from socialcron.batches.summary import counted

        started, db = time.monotonic(), ctx.database
        maintenance.ensure_months(db)
        dropped = maintenance.drop_old_months(db, keep_days=ctx.settings.history_days)
        healed, spent = maintenance.heal_hints(db)
        planned = fill_recurrences(db, limit=100_000)
        old_runs = maintenance.drop_old_runs(db, keep_days=ctx.settings.runs_days)
        old_events = maintenance.drop_old_events(db, keep_days=ctx.settings.runs_days)
        data = {
            "dropped": dropped,
            "accounts_healed": healed,
            "hints_dropped": spent,
            "posts_planned": planned,
            "runs_forgotten": old_runs,
            "events_forgotten": old_events,
        }
        runs.record_run(
            db, "maintain", duration_seconds=time.monotonic() - started, exit_code=0, outcome=data
        )
        words = [
            f"dropped {', '.join(dropped)}" if dropped else "",
            f"{counted(healed, 'account')} healed" if healed else "",
            f"{counted(spent, 'hint')} dropped" if spent else "",
            f"{counted(planned, 'post')} planned" if planned else "",
            f"{counted(old_runs, 'run')} forgotten" if old_runs else "",
            f"{counted(old_events, 'event')} forgotten" if old_events else "",
        ]
        ctx.emit(data, text="; ".join(word for word in words if word) or None)
