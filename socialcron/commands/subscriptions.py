"""`socialcron subscriptions ...`: who is told what happens, and whether it got through."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socialcron.batches.watching import DELIVER
from socialcron.commands.common import (
    CommandContext,
    EnvFileOption,
    JsonOption,
    StrictOption,
    command_context,
    cron_job,
    example,
    group_app,
    no_nan,
)
from socialcron.commands.display import (
    clean,
    display_zone,
    fields,
    in_zone,
    listing,
    minute,
    moment,
    parse_id,
    seconds,
    show,
    table,
)
from socialcron.errors import BadInput, Conflict, PlatformError, UsageError, reason
from socialcron.exitcodes import ExitCode
from socialcron.store import events
from socialcron.whens import parse_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from socialcron.store.engine import Database
    from socialcron.store.events import Channel, Delivery, Subscription

DEFAULT_KINDS = [kind for kind in events.KINDS if kind != "posted"]
LONGEST_DIGEST_SECONDS = 7 * 86_400

app = group_app(
    "Tell people and programs what happens.",
    "socialcron subscriptions add mail --notify-file apprise-url.txt",
    "socialcron subscriptions test mail",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As `subscriptions list` shows it.")]


@app.command(
    "add",
    epilog=example(
        "socialcron subscriptions add mail --notify-file apprise-url.txt",
        "socialcron subscriptions add shop --webhook https://shop.example/hook \\",
        "    --event posted --event failed",
    ),
)
def add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Yours, to call it by.")],
    notify_file: Annotated[
        str | None,
        typer.Option(
            "--notify-file", metavar="FILE|-", help="Send messages to the apprise URL in it; - is stdin."
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            "--webhook",
            metavar="URL|FILE|-",
            help="Post signed JSON to this address. One with a password or key in it goes into a file, or stdin.",
        ),
    ] = None,
    secret_file: Annotated[
        str | None,
        typer.Option(
            "--secret-file",
            metavar="FILE|-",
            help="Sign webhooks with the whsec_ secret in it. [default: a new one, shown once]",
        ),
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event", metavar="KIND", help=f"{', '.join(events.KINDS)}; repeat. [default: all but posted]"
        ),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option(
            "--digest",
            metavar="SPAN",
            help="At most one message in this time, with all of it. [default: 15m]",
        ),
    ] = None,
    account: Annotated[
        int | None,
        typer.Option("--account", metavar="ID", parser=parse_id, help="Only what happens to this account."),
    ] = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Tell somebody what happens from now on: people by any service of apprise, programs by webhook.

    apprise URLs hold passwords, so they are read from a file or stdin. Nothing is sent; `subscriptions test` does that.
    """
    with command_context("subscriptions add", json=json, env_file=env_file) as ctx:
        from socialcron.batches.delivering import hide
        from socialcron.store.secrets import KeyRing

        if not re.fullmatch(r"\w[\w.-]{0,62}", name, re.ASCII):
            raise UsageError(
                f"{name!r} is no name for a subscription",
                hint="Letters, digits, '_', '-' and '.', as in mail or shop-hook.",
            )
        kinds = _kinds(event)
        if account is not None:
            from socialcron.commands.accounts import account_row

            account_row(ctx, account)
        if (notify_file is None) == (webhook is None):
            raise UsageError(
                "name one of --notify-file and --webhook", hint="A second subscription takes the other."
            )
        made = None
        if webhook is not None:
            if digest is not None:
                raise UsageError("webhooks have no digest", hint="Each event is posted by itself, at once.")
            if json and secret_file is None:
                raise UsageError(
                    "a new signing secret is shown to a person, never as JSON",
                    hint="Give one: --secret-file FILE (or -); it is whsec_ and 32 random bytes in base64.",
                )
            address, made = _webhook(webhook, secret_file)
            channel: Channel = "webhook"
            digest_seconds = None
        else:
            if secret_file is not None:
                raise UsageError("messages are not signed", hint="--secret-file goes with --webhook.")
            digest_seconds = _digest("15m" if digest is None else digest)
            address, channel = _notification(str(notify_file)), "notification"
        hide({name: value for name, value in address.items() if value != made})
        try:
            events.insert_subscription(
                ctx.database,
                name=name,
                channel=channel,
                address=KeyRing(ctx.settings.secret_key).encrypt(address),
                events=kinds,
                account_id=account,
                digest_seconds=digest_seconds,
            )
        except Conflict as exc:
            raise UsageError(
                f"there is a subscription {name!r} already", hint=f"`socialcron subscriptions show {name}`"
            ) from exc
        lines = [
            f"{name} is told by {channel}: {', '.join(kinds)}",
            f"Try it with `socialcron subscriptions test {name}`.",
        ]
        if made:
            lines.insert(1, f"Its signing secret, shown this once: {made}")
        ctx.emit(
            {"subscription": events.read_subscription(ctx.database, name)},
            text="\n".join(lines),
        )


@app.command("list", epilog=example("socialcron subscriptions list"))
def list_command(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """List subscriptions: what each is told, what waits, and whether the last try got through."""
    with command_context("subscriptions list", json=json, env_file=env_file, replica=True) as ctx:
        found, zone = events.list_subscriptions(ctx.database), display_zone(ctx.settings)
        columns = (
            "=name",
            "=by",
            "=state",
            "told of",
            "#account",
            "#waiting",
            "#dead",
            in_zone("last", zone),
            "error",
        )
        cells = [
            (
                row.name,
                row.channel,
                "on" if row.enabled else "off",
                _told_of(row),
                row.account_id or "all",
                f"{row.waiting:,}",
                f"{row.dead:,}",
                minute(row.last_delivered_at, zone),
                clean(row.last_error, width=30) if row.last_error else "",
            )
            for row in found
        ]
        ctx.emit(
            {"subscriptions": found},
            text=listing(columns, cells, nothing="no subscriptions"),
        )


@app.command(
    "show", epilog=example("socialcron subscriptions show mail", "socialcron subscriptions show mail --json")
)
def show_command(
    name: NameArgument,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="The latest N events.")
    ] = 20,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show a subscription and its latest events: delivered, waiting for another try, or dead."""
    with command_context("subscriptions show", json=json, env_file=env_file, replica=True) as ctx:
        subscription = events.read_subscription(ctx.database, name)
        found = events.read_deliveries(ctx.database, subscription.id, limit=limit)
        zone = display_zone(ctx.settings)
        parts = [_about(ctx, subscription)]
        if found:
            columns = (
                in_zone("happened", zone),
                "=event",
                "of",
                "=status",
                "#tries",
                in_zone("next", zone),
                "error",
            )
            cells = [
                (
                    minute(row.created_at, zone),
                    row.kind,
                    _subject(row),
                    row.status,
                    row.tries,
                    minute(row.next_at, zone),
                    clean(row.last_error, width=80) if row.last_error else "",
                )
                for row in found
            ]
            parts.append(table("\nlatest events", columns, cells))
        ctx.emit(
            {"subscription": subscription, "deliveries": found}, text=lambda console: show(console, *parts)
        )


@app.command("test", epilog=example("socialcron subscriptions test mail"))
def try_command(name: NameArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Send a test event now, and say what came of it. Exits with 1 if it did not get through."""
    with command_context("subscriptions test", json=json, env_file=env_file) as ctx:
        from uuid import uuid4

        from socialcron import log
        from socialcron.batches.delivering import open_address, tell_now
        from socialcron.store.secrets import KeyRing

        subscription = events.read_subscription(ctx.database, name)
        sealed = events.read_address(ctx.database, subscription.id)
        address = open_address(KeyRing(ctx.settings.secret_key), sealed, name)
        event = events.Event(
            event_id=uuid4(),
            kind="test",
            data={"message": f"this is a test of the subscription {name}"},
            created_at=ctx.database.value("database_clock"),
        )
        data = {"name": name, "event_id": event.event_id}
        try:
            tell_now(subscription.channel, address, event, ctx.settings)
        except PlatformError as exc:
            error = log.redact(exc.message)
            ctx.emit({**data, "ok": False, "error": error}, text=f"it did not get through: {clean(error)}")
            raise typer.Exit(ExitCode.ITEM_FAILED) from exc
        ctx.emit({**data, "ok": True}, text=f"it got through, as event {event.event_id}")


@app.command(
    "deliver", epilog=example("socialcron subscriptions deliver", "socialcron subscriptions deliver --json")
)
def deliver_command(
    max_runtime: Annotated[
        float,
        typer.Option(
            "--max-runtime",
            callback=no_nan,
            min=1,
            max=600,
            metavar="SECONDS",
            help="Start nothing new after this time, and wait 10 seconds more.",
        ),
    ] = 60.0,
    strict: StrictOption = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Tell now what waits to be told. Every cron job does this at its end, for at most 20 seconds.

    For a line of its own in a crontab where that is not often or not long enough. Prints nothing when nothing waits.
    """
    with cron_job(DELIVER, json=json, env_file=env_file) as ctx:
        import time

        from socialcron.batches import delivering
        from socialcron.batches.summary import on_record

        started = time.monotonic()
        summary = delivering.run(ctx.database, ctx.settings, start_seconds=max_runtime)
        on_record(ctx.database, DELIVER, summary, started=started)
        ctx.emit(summary.data, text=None if summary.idle else summary.as_line())
        raise typer.Exit(summary.strict_exit_code if strict else summary.exit_code)


@app.command("enable", epilog=example("socialcron subscriptions enable shop"))
def enable_command(name: NameArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Switch a subscription on, also one whose receiver had answered 410. What waits for it is due at once."""
    with command_context("subscriptions enable", json=json, env_file=env_file) as ctx:
        _switch(ctx, name, events.enable_subscription, "is on; {} due")


@app.command("disable", epilog=example("socialcron subscriptions disable shop"))
def disable_command(name: NameArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Switch a subscription off. What waits for it goes on waiting; what happens meanwhile it never hears of."""
    with command_context("subscriptions disable", json=json, env_file=env_file) as ctx:
        _switch(ctx, name, events.disable_subscription, "is off; {} waiting for it")


@app.command("remove", epilog=example("socialcron subscriptions remove shop"))
def remove_command(name: NameArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Delete a subscription, and with it what waits to be told to it."""
    with command_context("subscriptions remove", json=json, env_file=env_file) as ctx:
        subscription = events.read_subscription(ctx.database, name)
        events.remove_subscription(ctx.database, subscription.id)
        ctx.emit(
            {"removed": name},
            text=f"removed {name}"
            + (f"; {_events(subscription.waiting)} given up" if subscription.waiting else ""),
        )


@app.command("retry", epilog=example("socialcron subscriptions retry shop"))
def retry_command(name: NameArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Have dead events tried again, with all their tries, and waiting ones at once; the next run does so."""
    with command_context("subscriptions retry", json=json, env_file=env_file) as ctx:
        subscription = events.read_subscription(ctx.database, name)
        if not subscription.enabled:
            raise UsageError(f"{name} is off", hint=f"`socialcron subscriptions enable {name}` comes first.")
        due = events.retry_deliveries(ctx.database, subscription.id)
        ctx.emit(
            {"name": name, "due": due},
            text=f"{_events(due)} due; the next run tells them, `socialcron {DELIVER}` now"
            if due
            else f"nothing to try again: no event of {name} is dead or waits",
        )


def _switch(ctx: CommandContext, name: str, switch: Callable[[Database, int], None], says: str) -> None:
    """says: of what waits for it."""
    subscription = events.read_subscription(ctx.database, name)
    switch(ctx.database, subscription.id)
    ctx.emit(
        {"subscription": events.read_subscription(ctx.database, name)},
        text=f"{name} {says.format(_events(subscription.waiting))}",
    )


def _kinds(given: list[str] | None) -> list[str]:
    from socialcron.commands.accounts import check_words

    check_words("event", given, events.KINDS)
    return [kind for kind in events.KINDS if kind in (given or DEFAULT_KINDS)]


def _digest(text: str) -> int:
    length = int(parse_span(text).total_seconds())
    if length > LONGEST_DIGEST_SECONDS:
        raise UsageError(f"--digest cannot be {text}", hint="It is at most 7d; 0s sends each event at once.")
    return length


def _webhook(given: str, secret_file: str | None) -> tuple[dict[str, str], str | None]:
    """The address, and its secret if that is new."""
    from socialcron.platforms import webhooks

    if "://" in given and "@" in given.split("://")[1].split("/")[0]:
        raise UsageError(
            "passwords are never taken from the command line, where every user of this host can read them",
            hint="Put the address into a file of mode 0600, or pipe it in: --webhook -",
        )
    url = given if "://" in given else _read("address", given)
    made = webhooks.new_secret() if secret_file is None else None
    secret = made or _read("secret", str(secret_file))
    webhooks.check(url, secret)
    return {"url": url, "secret": secret}, made


def _notification(source: str) -> dict[str, str]:
    from socialcron.platforms import notifications

    if "://" in source:
        raise UsageError(
            "apprise URLs are never taken from the command line, where every user of this host can read them",
            hint="Put it into a file of mode 0600, or pipe it in: --notify-file -",
        )
    url = _read("apprise URL", source)
    notifications.check(url)
    return {"url": url}


def _read(what: str, source: str) -> str:
    """What a file or stdin holds. Raises UsageError or BadInput, quoting nothing of it."""
    if not source:  # an unset variable of a script; a path that is empty would be the working directory
        raise UsageError(f"no file is named for the {what}", hint="Name a file, or - for stdin.")
    try:
        return (sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")).strip()
    except UnicodeDecodeError:
        raise BadInput(f"the {what} is not UTF-8 text") from None
    except (OSError, ValueError) as exc:
        raise UsageError(
            f"cannot read the {what} in {source}: {reason(exc)}", hint="Name a file, or - for stdin."
        ) from exc


def _events(count: int) -> str:
    return f"{count:,} {'event is' if count == 1 else 'events are'}"


def _told_of(row: Subscription) -> str:
    """Short, for a column."""
    if len(row.events) == len(events.KINDS):
        return "all"
    return "all but posted" if row.events == DEFAULT_KINDS else ", ".join(row.events)


def _about(ctx: CommandContext, row: Subscription) -> object:
    zone = display_zone(ctx.settings)
    return fields(
        f"subscription {row.name}, by {row.channel}",
        [
            ("state", "on" if row.enabled else "off"),
            ("told of", ", ".join(row.events)),
            ("account", row.account_id or "all"),
            *([("digest", seconds(row.digest_seconds))] if row.digest_seconds is not None else []),
            ("last", moment(row.last_delivered_at, zone)),
            *([("last error", row.last_error)] if row.last_error else []),
            ("waiting", row.waiting),
            ("dead", row.dead),
        ],
    )


def _subject(row: Delivery) -> str:
    name = next((name for name in ("post_id", "profile_id", "account_id") if row.data.get(name)), None)
    return f"{name.removesuffix('_id')} {row.data[name]}" if name else "-"
