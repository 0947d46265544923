"""`socialcron accounts slots`: the hours at which an account posts what is added for its next free slot."""

from __future__ import annotations

from typing import Annotated

import typer

from socialcron.commands.common import EnvFileOption, JsonOption, command_context
from socialcron.commands.display import IdArgument, clean, display_zone, moment
from socialcron.errors import BadInput, UsageError
from socialcron.whens import zone_named

SHOWN_FREE = 5


def slots_command(
    account_id: IdArgument,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="'DAYS TIMES'",
            help="'mon-fri 09:00,17:30', 'sat,sun 11:00', 'daily 8:00'; repeat.",
        ),
    ] = None,
    tz: Annotated[
        str | None, typer.Option("--tz", metavar="ZONE", help="Zone of these hours. [default: TZ]")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take all of them away.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show or set the hours of an account's week, and which of them are free next.

    --set replaces what was set before. `posts add --next-slot` takes the next free one: one at which no post of the
    account is due that is still to go out, drafts and held ones included. Posts that have a time keep it. An hour that
    the clocks skip comes after the gap, one that occurs twice is the first.
    """
    with command_context("accounts slots", json=json, env_file=env_file) as ctx:
        from socialcron.batches.calendar import DAYS, read_slots
        from socialcron.store import planning
        from socialcron.store.accounts import find_accounts

        if set_ and clear:
            raise UsageError("say one of --set and --clear")
        if tz is not None and not set_:
            raise UsageError("--tz is the zone of what --set sets")
        if isinstance(missing := find_accounts(ctx.database, [str(account_id)])[str(account_id)], str):
            raise UsageError(missing, hint="`socialcron accounts list` shows ids and handles.")
        if set_:
            zone = zone_named(tz) if tz is not None else ctx.settings.zone()
            if zone is None:
                raise BadInput("in which time zone?", hint="Pass --tz Europe/Berlin, or set TZ.")
            planning.set_slots(ctx.database, account_id, read_slots(set_), str(zone))
        elif clear:
            planning.set_slots(ctx.database, account_id, [], "UTC")
        slots = planning.list_slots(ctx.database, account_id)
        free = planning.free_slots(ctx.database, account_id, count=SHOWN_FREE)
        times: dict[tuple[str, str], list[str]] = {}
        for slot in slots:
            times.setdefault((slot.zone, DAYS[slot.weekday - 1]), []).append(slot.local_time)
        lines = [f"{day} {', '.join(hours)} {clean(zone)}" for (zone, day), hours in times.items()]
        shown = ", ".join(moment(at, display_zone(ctx.settings)) for at in free)
        ctx.emit(
            {"id": account_id, "slots": slots, "free": free},
            text="\n".join([*lines, f"next free: {shown or '-'}"])
            if slots
            else f"account {account_id} has no slots",
        )
