"""`socialcron recurrences ...`: posts that come again and again; made by `posts add --repeat`."""

from __future__ import annotations

from typing import Annotated

import typer

from socialcron.batches.summary import counted
from socialcron.commands.common import (
    CommandContext,
    EnvFileOption,
    JsonOption,
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
    show,
    table,
)
from socialcron.errors import UsageError
from socialcron.store import planning
from socialcron.store.planning import RecurrenceView

SHOWN_OCCURRENCES = 5

app = group_app(
    "Posts that come again and again: `socialcron posts add --repeat` makes them.",
    "socialcron recurrences list",
    "socialcron recurrences end 7",
)


@app.command("list", epilog=example("socialcron recurrences list --all"))
def list_command(
    all_: Annotated[bool, typer.Option("--all", help="Also those that were ended.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """List recurrences: their rule, and when each comes next. Over is one whose rule has no more."""
    with command_context("recurrences list", json=json, env_file=env_file, replica=True) as ctx:
        rows = planning.list_recurrences(ctx.database, ended=all_)
        zone = display_zone(ctx.settings)
        columns = ("#id", "account", "=state", "rule", in_zone("next", zone), "text")
        cells = [
            (
                row.id,
                f"{row.platform} {clean(row.handle, width=30)}",
                row.state,
                f"{row.rrule} {row.starts_at:%H:%M} {row.zone}",
                minute(row.next_due_at, zone),
                clean(row.last_error or row.text, width=40),
            )
            for row in rows
        ]
        ctx.emit(
            {"recurrences": rows},
            text=listing(columns, cells, nothing="no recurrences"),
        )


@app.command("show", epilog=example("socialcron recurrences show 7"))
def show_command(recurrence_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Show a recurrence: its rule, its next posts, and how many there are by status."""
    with command_context("recurrences show", json=json, env_file=env_file, replica=True) as ctx:
        row = _read(ctx, recurrence_id)
        counts = planning.count_occurrences(ctx.database, recurrence_id)
        coming = planning.list_occurrences(ctx.database, recurrence_id, count=SHOWN_OCCURRENCES)
        zone = display_zone(ctx.settings)
        data = {name: getattr(row, name) for name in row.__dataclass_fields__}
        pairs = [
            (name, moment(value, zone) if name.endswith("_at") and value.tzinfo else value)
            for name, value in data.items()
            if value is not None
        ]
        pairs += [(f"posts {status}", count) for status, count in sorted(counts.items())]
        columns = ("#post", "=status", in_zone("due", zone))
        cells = [
            (post["id"], "held" if post["held_at"] else post["status"], minute(post["due_at"], zone))
            for post in coming
        ]
        ctx.emit(
            {**data, "posts": counts, "next": coming},
            text=lambda console: show(
                console, fields("", pairs), *([table("Next posts", columns, cells)] if cells else [])
            ),
        )


@app.command("pause", epilog=example("socialcron recurrences pause 7"))
def pause_command(
    recurrence_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None
) -> None:
    """Hold the posts of a recurrence until it is resumed; one that is being sent goes out."""
    with command_context("recurrences pause", json=json, env_file=env_file) as ctx:
        held = planning.pause_recurrence(ctx.database, recurrence_id)
        if held is None:
            raise _missing(recurrence_id)
        ctx.emit(
            {"id": recurrence_id, "state": "paused", "held": held},
            text=f"recurrence {recurrence_id} is paused, {counted(held, 'post')} held",
        )


@app.command("resume", epilog=example("socialcron recurrences resume 7"))
def resume_command(
    recurrence_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None
) -> None:
    """Let a paused recurrence go on. What came meanwhile is passed over; what a person held stays held."""
    with command_context("recurrences resume", json=json, env_file=env_file) as ctx:
        done = planning.resume_recurrence(ctx.database, recurrence_id)
        if done is None:
            raise _missing(recurrence_id)
        released, passed = done
        ctx.emit(
            {"id": recurrence_id, "state": "active", "released": released, "cancelled": passed},
            text=f"recurrence {recurrence_id} goes on: {counted(released, 'post')} released"
            + (f", {passed} cancelled that came during the pause" if passed else ""),
        )


@app.command("end", epilog=example("socialcron recurrences end 7"))
def end_command(recurrence_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """End a recurrence for good: its posts that are not out are cancelled.

    Of each post the result is done, requested (a run has it and will not send it) or too_late, as of `posts cancel`.
    """
    with command_context("recurrences end", json=json, env_file=env_file) as ctx:
        results = planning.end_recurrence(ctx.database, recurrence_id)
        if results is None:
            raise _missing(recurrence_id)
        counts = {name: results[name] for name in ("done", "requested", "too_late")}
        words = [f"{counted(counts['done'], 'post')} cancelled"]
        words += [f"{counts['requested']} requested"] if counts["requested"] else []
        words += [f"{counts['too_late']} too late to stop"] if counts["too_late"] else []
        ctx.emit(
            {"id": recurrence_id, "state": "ended", **counts},
            text=f"recurrence {recurrence_id} has ended: {', '.join(words)}",
        )


def _read(ctx: CommandContext, recurrence_id: int) -> RecurrenceView:
    row = planning.read_recurrence(ctx.database, recurrence_id)
    if row is None:
        raise _missing(recurrence_id)
    return row


def _missing(recurrence_id: int) -> UsageError:
    return UsageError(
        f"there is no recurrence {recurrence_id}", hint="`socialcron recurrences list` shows those there are."
    )
