"""`socialcron accounts ...`: connect accounts, look at them, switch them, keep their tokens alive."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialcron.commands.common import (
    CommandContext,
    EnvFileOption,
    JsonOption,
    StrictOption,
    command_context,
    cron_job,
    document,
    example,
    group_app,
    is_interactive,
    no_nan,
)
from socialcron.commands.display import (
    IdArgument,
    clean,
    display_zone,
    fields,
    in_zone,
    minute,
    moment,
    parse_id,
    show,
    table,
)
from socialcron.commands.slots import slots_command
from socialcron.errors import AuthExpired, BadInput, PlatformError, Unavailable, UsageError
from socialcron.exitcodes import ExitCode
from socialcron.platforms import registry

if TYPE_CHECKING:
    from rich.table import Table

    from socialcron.batches.authorizing import Attempt
    from socialcron.model import Connectable
    from socialcron.store.lists import AccountView

app = group_app("Connect and manage accounts.", "socialcron accounts list", "socialcron accounts add --help")

HandleOption = Annotated[
    str,
    typer.Option(
        "--handle", metavar="NAME", help="How you call it: @me@mastodon.social, me.bsky.social, ..."
    ),
]
CredentialsOption = Annotated[
    str | None,
    typer.Option(
        "--credentials", metavar="FILE|-", help="A file with the credentials as one JSON object; - is stdin."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A setting of the platform, as in base_url=https://...; repeat."
    ),
]
StatusOption = Annotated[
    list[str] | None,
    typer.Option(
        "--status", metavar="STATUS", help="active, needs_reconnect or disabled; repeat for several."
    ),
]
STATUSES = ("active", "needs_reconnect", "disabled")
REFRESH = "accounts refresh"
REFRESHED = {
    "refreshed": "renewed",
    "fresh": "renewed by another run",
    "failed": "not renewed, the next run tries again",
    "lost": "refused",
    "fixed": "cannot be renewed",
    "off": "not renewed, for it is disabled",
    "left": "not reached",
}
NEEDS_PERSON = ("lost", "fixed")


@app.command(
    "add",
    epilog=example(
        "socialcron accounts add mastodon --handle @me@mastodon.social \\",
        "    --set base_url=https://mastodon.social --credentials token.json",
        "socialcron platforms show mastodon   # its credentials and settings",
    ),
)
def add_command(
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="One of `socialcron platforms list`.")],
    handle: HandleOption,
    external_id: Annotated[
        str | None, typer.Option("--external-id", metavar="ID", help="The platform's own id, if known.")
    ] = None,
    set_: SetOption = None,
    credentials: CredentialsOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Connect an account. Credentials come from a file or stdin, never from the command line, and are encrypted."""
    with command_context("accounts add", json=json, env_file=env_file) as ctx:
        from socialcron.batches.apps import default_base_url, default_credentials
        from socialcron.batches.connecting import (
            accept_credentials,
            accept_name,
            accept_settings,
            read_json,
        )
        from socialcron.store import accounts

        registry.declaration(platform)
        names = {
            "handle": accept_name("handle", handle),
            "external_id": accept_name("external id", external_id),
        }
        settings = accept_settings(
            platform, set_ or (), default_base_url=default_base_url(platform, ctx.settings)
        )
        ours = default_credentials(platform, settings.get("base_url"), ctx.settings)
        given = None if credentials is None else read_json(credentials)
        accepted = accept_credentials(platform, given, needed=not ours)
        account = accounts.NewAccount(
            platform=platform,
            handle=names["handle"] or "",
            external_id=names["external_id"],
            settings=settings,
            credentials=_encrypted(ctx, accepted.credentials),
            token_expires_at=accepted.expires_at,
            refresh_expires_at=accepted.refresh_expires_at,
            needs_session=accepted.needs_session,
        )
        account_id = accounts.add_account(ctx.database, account)
        ctx.emit(
            {"id": account_id, "platform": platform, **names, "settings": settings, "status": "active"},
            text=f"connected {platform} account {names['handle']} as account {account_id}; "
            f"try it with `socialcron accounts test {account_id}`",
        )


@app.command(
    "reconnect", epilog=example("pass show mastodon.json | socialcron accounts reconnect 3 --credentials -")
)
def reconnect_command(
    account_id: IdArgument,
    credentials: CredentialsOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Give an account new credentials, and let it post again if it waited for them. A disabled one stays disabled."""
    with command_context("accounts reconnect", json=json, env_file=env_file) as ctx:
        from socialcron.batches.connecting import accept_credentials, read_json
        from socialcron.store import accounts

        platform = account_row(ctx, account_id).platform
        accepted = accept_credentials(platform, None if credentials is None else read_json(credentials))
        if not accepted.credentials:
            raise UsageError(f"account {account_id} needs no credentials: it is a {platform} account")
        status = accounts.reconnect_account(
            ctx.database,
            account_id,
            credentials=_encrypted(ctx, accepted.credentials) or "",
            token_expires_at=accepted.expires_at,
            refresh_expires_at=accepted.refresh_expires_at,
            needs_session=accepted.needs_session,
        )
        ctx.emit(
            {"id": account_id, "status": status},
            text=f"account {account_id} has new credentials and is {status}",
        )


@app.command(
    "connect",
    epilog=example(
        "socialcron accounts connect x",
        "socialcron accounts connect mastodon --set base_url=https://mastodon.social",
        "socialcron accounts connect facebook --no-browser --all",
    ),
)
def connect_command(
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="One of `socialcron platforms list`.")],
    set_: SetOption = None,
    app_name: Annotated[
        str | None,
        typer.Option(
            "--app",
            metavar="NAME",
            help="Act as the app in SOCIALCRON_APP_NAME_CLIENT_ID and _CLIENT_SECRET.",
        ),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="ID|HANDLE", help="Which of those offered to connect; repeat."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Connect all that are offered.")] = False,
    scopes: Annotated[
        str | None,
        typer.Option(
            "--scopes",
            metavar="NAMES",
            help="Ask for these, separated by commas, and not for the usual ones.",
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and read where it led from stdin.")
    ] = False,
    redirect_port: Annotated[
        int,
        typer.Option(
            "--redirect-port",
            min=0,
            max=65535,
            metavar="PORT",
            help="Where the browser comes back to on 127.0.0.1; 0 is any free port. [default: 8734]",
            show_default=False,
        ),
    ] = 8734,
    redirect_uri: Annotated[
        str | None,
        typer.Option(
            "--redirect-uri",
            metavar="URL",
            help="The address registered with the app, if it is not http://127.0.0.1:PORT/.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            callback=no_nan,
            min=1,
            max=86_400,
            metavar="SECONDS",
            help="How long to wait for the browser.",
        ),
    ] = 300.0,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Connect accounts by the platform's own consent page, in a browser or without one.

    The app's id and secret are settings (.env.example), and the app must know the address that the browser is sent
    back to. An account that is connected already gets the new tokens, and can post again.
    """
    with command_context("accounts connect", json=json, env_file=env_file) as ctx:
        from socialcron.batches import authorizing
        from socialcron.batches.connecting import accept_settings
        from socialcron.platforms.http import Http
        from socialcron.store.secrets import KeyRing

        authorizing.authorization_of(platform)
        settings = accept_settings(platform, [*(set_ or ()), *([f"app={app_name}"] if app_name else [])])
        address = authorizing.check_redirect_uri(redirect_uri or f"http://127.0.0.1:{redirect_port}/")
        # Before a person is asked for anything; the connection would not outlive their thinking.
        key_ring = KeyRing(ctx.settings.secret_key)
        ctx.database.close()
        http = Http()
        try:
            begin = partial(
                authorizing.begin,
                platform,
                account_settings=settings,
                settings=ctx.settings,
                scopes=(scopes or "").replace(",", " ").split(),
                http=http,
            )
            if no_browser or not authorizing.can_listen(address) or not _has_display():
                attempt, led_to = _by_paste(begin, address)
            else:
                attempt, led_to = _by_browser(begin, address, seconds=timeout)
            found = authorizing.redeem(attempt, authorizing.grant_of(attempt, led_to), http)
        finally:
            http.close()
        asking = not (account or everything or json) and is_interactive()
        names = _ask_which(found) if asking else account or ()
        chosen = authorizing.choose(found, names, everything=everything)
        ctx.database.reconnect()
        connected = authorizing.store(ctx.database, attempt, chosen, key_ring)
        ctx.emit({"accounts": connected}, text="\n".join(map(_connected_line, connected)))


def _has_display() -> bool:
    """Whether a browser that is started here is seen by somebody."""
    return sys.platform in ("darwin", "win32") or any(
        map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    )


def _by_browser(begin: Callable[..., Attempt], address: str, *, seconds: float) -> tuple[Attempt, str]:
    """The attempt, and where the browser was sent to after a person had decided."""
    import webbrowser

    from socialcron.batches.authorizing import Listener

    with Listener(address) as listener:
        attempt = begin(redirect_uri=listener.redirect_uri)
        _say(f"Open this address and agree, if your browser has not opened it already:\n\n{attempt.url}\n")
        listener.expect(attempt)
        with _stdout_as_stderr():  # browsers are talkative, and stdout may be for one JSON document
            webbrowser.open(attempt.url)
        return attempt, listener.wait(seconds=seconds)


@contextmanager
def _stdout_as_stderr() -> Iterator[None]:
    """For programs that are started meanwhile: they inherit it and keep it."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _by_paste(begin: Callable[..., Attempt], address: str) -> tuple[Attempt, str]:
    attempt = begin(redirect_uri=address)
    _say(f"Open this address in any browser and agree:\n\n{attempt.url}\n")
    _say(f"It ends at {address}..., maybe with an error page. Paste that whole address here:")
    led_to = sys.stdin.readline()
    if not led_to.strip():
        raise UsageError("no address came on stdin", hint="Pipe it in, or run this in a terminal.")
    return attempt, led_to


def _say(text: str) -> None:
    """To the person, whatever stdout is for."""
    print(text, file=sys.stderr, flush=True)


def _ask_which(found: Sequence[Connectable]) -> list[str]:
    """Ids of those chosen by number; one alone needs no question."""
    if len(found) == 1:
        return [found[0].external_id]
    for number, item in enumerate(found, 1):
        _say(f"{number:3}  {clean(item.handle)} (id {clean(item.external_id)})")
    while True:
        answer = str(typer.prompt("Which ones? Numbers, or all", err=True)).replace(",", " ").split()
        if answer == ["all"]:
            return [item.external_id for item in found]
        if answer and all(word.isdecimal() and 1 <= int(word) <= len(found) for word in answer):
            return [found[int(word) - 1].external_id for word in answer]


def _connected_line(account: dict[str, Any]) -> str:
    verb = "connected" if account["outcome"] == "new" else "reconnected"
    line = f"{verb} {account['platform']} account {clean(account['handle'])} as account {account['id']}"
    if account["status"] != "active":
        line += f", which is {account['status']}: `socialcron accounts enable {account['id']}`"
    if account["not_granted"]:
        line += f"; not granted: {clean(' '.join(account['not_granted']))}"
    return line


@app.command(
    "import",
    epilog=example(
        "socialcron accounts import tokens.jsonl --platform x --dry-run",
        'socialcron accounts import --query "SELECT ..." # its columns: see above',
    ),
)
def import_command(
    source: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="A JSONL file, or - for stdin.")
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--query", metavar="SELECT", help="Import what this query on the same database says."),
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", metavar="NAME", help="Of rows that name none.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row and store nothing.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Import accounts whose tokens you hold already: all of them, or none if one row is bad.

    Keys of a JSONL line, or columns of the query: platform, handle, external_id, settings, credentials. The last two
    are JSON objects (or texts of such), as `platforms show` names them. An account that is connected already, by
    platform and external_id or by platform and handle, gets the new credentials; those that are the same as at the
    last import change nothing, for ours may have been renewed since.
    """
    with command_context("accounts import", json=json, env_file=env_file) as ctx:
        from socialcron.batches import importing_accounts
        from socialcron.batches.importing import read_source

        if platform is not None:
            registry.check(platform)
        if (source is None) == (query is None):
            raise UsageError("give a file or a --query", hint="See `socialcron accounts import --help`.")
        rows = (
            importing_accounts.rows_of_text(read_source(source))
            if source is not None
            else importing_accounts.rows_of_query(ctx.database, query or "")
        )
        good = importing_accounts.import_accounts(
            ctx.database, rows, settings=ctx.settings, platform=platform, dry_run=dry_run
        )
        verdicts = [row.verdict for row in rows]
        counts = {
            word: sum(row["status"] == word for row in verdicts) for word in ("new", "updated", "unchanged")
        }
        data = {"applied": good and not dry_run, **counts, "rows": verdicts}
        if good:
            said = ", ".join(f"{count} {word}" for word, count in counts.items())
            ctx.emit(data, text=f"{said}: nothing was stored, this is a dry run" if dry_run else said)
            return
        what = "line" if query is None else "row"
        error = BadInput(
            f"{sum(bool(row.errors) for row in rows)} of {len(rows)} {what}s cannot be used; nothing was imported",
            problems=[f"{what} {row.number}: {clean(error)}" for row in rows for error in row.errors],
            hint="Correct them and import all of it again; `--dry-run` only looks.",
        )
        if not json:
            raise error
        told = {"code": error.code, "message": error.message, "hint": error.hint, "problems": error.problems}
        print(document(ctx.command, data=data, error=told))
        raise typer.Exit(error.exit_code)


@app.command(
    "refresh",
    epilog=example("socialcron accounts refresh   # once a day, by cron", "socialcron accounts refresh 3 7"),
)
def refresh_command(
    account_ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", parser=parse_id, help="Only these, whenever they end."),
    ] = None,
    expiring: Annotated[
        float | None,
        typer.Option(
            "--expiring",
            callback=no_nan,
            min=0,
            max=36_500,
            metavar="DAYS",
            help="Those that end within so many days.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that can be renewed.")] = False,
    strict: StrictOption = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Renew the tokens that end soon, those of accounts with nothing to post, too.

    Without ID, --expiring or --all: those the platform wants renewed by now. Prints nothing when there are none. Exit 1
    if an account named by its ID could not be renewed, and with --strict if any could not.
    """
    with cron_job(REFRESH, json=json, env_file=env_file, watched=not account_ids) as ctx:
        from socialcron.batches.refreshing import refresh_accounts
        from socialcron.store import runs

        if bool(account_ids) + (expiring is not None) + everything > 1:
            raise UsageError("give ids, --expiring or --all, and not two of them")
        for account_id in account_ids or ():
            account_row(ctx, account_id)
        started = time.monotonic()
        results, interrupted = refresh_accounts(
            ctx.database,
            ctx.settings,
            account_ids=list(dict.fromkeys(account_ids)) if account_ids else None,
            within_seconds=None if expiring is None else expiring * 86_400,
            everything=everything,
        )
        counts = {word: sum(found.outcome == word for found in results) for word in REFRESHED}
        failed = sum(counts[word] for word in ("failed", "lost", "off", "left"))
        failed += 0 if everything else counts["fixed"]
        exit_code = ExitCode.ITEM_FAILED if failed and (strict or account_ids) else ExitCode.OK
        exit_code = ExitCode.INTERRUPTED if interrupted else exit_code
        if not account_ids and not results:
            runs.heartbeat(ctx.database, REFRESH)
        elif not account_ids:
            seconds = time.monotonic() - started
            runs.record_run(
                ctx.database, REFRESH, duration_seconds=seconds, exit_code=exit_code, outcome=counts
            )
        # By cron only what is news; under --all not one line for each account whose tokens never end.
        silent = () if account_ids else ("fresh", "fixed") if everything else ("fresh",)
        zone = display_zone(ctx.settings)
        lines = [_refreshed_line(found, zone) for found in results if found.outcome not in silent]
        ctx.emit({**counts, "accounts": results}, text="\n".join(lines) or None)
        raise typer.Exit(exit_code)


def _refreshed_line(found: Any, zone: tzinfo) -> str:
    line = f"account {found.id} ({found.platform} {clean(found.handle)}): {REFRESHED[found.outcome]}"
    if found.error:
        line += f": {clean(found.error)}"
    if found.outcome in ("refreshed", "fresh") and found.token_expires_at:
        line += f", good until {moment(found.token_expires_at, zone)}"
    if found.outcome in NEEDS_PERSON:
        by = f" by {moment(found.reconnect_by, zone)}" if found.reconnect_by else ""
        line += f"; a person must connect it again{by}"
    return line


@app.command("list", epilog=example("socialcron accounts list --platform x --status needs_reconnect"))
def list_command(
    platform: Annotated[
        list[str] | None, typer.Option("--platform", metavar="NAME", help="Only this one; repeat.")
    ] = None,
    status: StatusOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """List connected accounts, and how many posts wait on each.

    "reconnect by" is when a person must connect the account again if nothing renews its tokens before; "-" is never, or
    not known.
    """
    with command_context("accounts list", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.lists import list_accounts

        check_words("status", status, STATUSES)
        check_words("platform", platform, registry.names())
        rows = list_accounts(ctx.settings, platforms=platform, statuses=status)
        zone = display_zone(ctx.settings)
        ctx.emit(
            {"accounts": rows},
            text=(lambda console: show(console, _accounts_table(rows, zone)))
            if rows
            else "no accounts; connect one with `socialcron accounts connect` or `accounts add`",
        )


def _accounts_table(rows: Sequence[AccountView], zone: tzinfo) -> Table:
    """On 80 columns there is room for errors only when nothing ends, or where there are none."""
    columns: dict[str, Callable[[AccountView], object]] = {
        "#id": lambda row: row.id,
        "account": _named,
        "=status": lambda row: row.status if row.autopost_enabled else f"{row.status}, autopost off",
        "#waiting": lambda row: row.waiting,
    }
    if any(row.token_expires_at for row in rows):
        columns[in_zone("token until", zone)] = lambda row: minute(row.token_expires_at, zone)
    if any(row.refresh_expires_at for row in rows):
        columns["=reconnect by"] = lambda row: minute(row.refresh_expires_at, zone)[:10]
    if any(row.last_error for row in rows):
        columns["last error"] = lambda row: clean(row.last_error, width=60)
    return table("", tuple(columns), [[cell(row) for cell in columns.values()] for row in rows])


def _named(row: AccountView) -> str:
    app_name = f" (app {row.settings['app']})" if row.settings.get("app") else ""
    return f"{row.platform} {clean(row.handle, width=25)}{app_name}"


@app.command("show", epilog=example("socialcron accounts show 3"))
def show_command(account_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Show one account; its credentials are never shown."""
    with command_context("accounts show", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.lists import list_accounts

        rows = list_accounts(ctx.settings, ids=[account_id])
        if not rows:
            raise no_account(account_id)
        row, zone = rows[0], display_zone(ctx.settings)
        pairs = [
            (name, moment(value, zone) if name.endswith(("_at", "_until")) else value)
            for name in row.__dataclass_fields__
            if (value := getattr(row, name)) is not None
        ]
        if row.refresh_expires_at is not None:
            pairs.append(("forecast", _forecast(row.refresh_expires_at, zone)))
        ctx.emit(
            {name: getattr(row, name) for name in row.__dataclass_fields__},
            text=lambda console: show(console, fields("", pairs)),
        )


@app.command(
    "set",
    epilog=example(
        "socialcron accounts set 3 privacy_level=SELF_ONLY",
        "socialcron accounts set 3 resize_images=   # no longer",
    ),
)
def set_command(
    account_id: IdArgument,
    changes: Annotated[
        list[str],
        typer.Argument(metavar="NAME=VALUE...", help="A setting of the platform; NAME= removes it."),
    ],
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Change an account's settings. Posts that are prepared from now on go by the new ones.

    A setting that says where posts go cannot be changed while one of them is being sent or its outcome is open: lost
    ones would be looked for in the wrong place.
    """
    with command_context("accounts set", json=json, env_file=env_file) as ctx:
        from socialcron.batches.apps import default_base_url
        from socialcron.batches.connecting import accept_change
        from socialcron.store import accounts

        row = account_row(ctx, account_id)
        change = accept_change(
            row.platform,
            row.settings,
            changes,
            default_base_url=default_base_url(row.platform, ctx.settings),
        )
        settings = accounts.change_settings(
            ctx.database, account_id, given=change.given, removed=change.removed, moves=change.moves
        )
        if settings is None:
            raise no_account(account_id)
        said = ", ".join(f"{name}={clean(str(value))}" for name, value in sorted(settings.items()))
        ctx.emit(
            {"id": account_id, "settings": settings},
            text=f"account {account_id} now has the settings {said}"
            if settings
            else f"account {account_id} now has no settings",
        )


app.command(
    "slots",
    epilog=example(
        "socialcron accounts slots 3 --set 'mon-fri 09:00,17:30' --set 'sat 11:00' \\",
        "    --tz Europe/Berlin",
        "socialcron accounts slots 3",
    ),
)(slots_command)


@app.command("enable", epilog=example("socialcron accounts enable 3"))
def enable_command(account_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Let a disabled account post again, or one whose autopost was switched off."""
    with command_context("accounts enable", json=json, env_file=env_file) as ctx:
        from socialcron.batches.connecting import way_to_reconnect
        from socialcron.store import accounts

        status = accounts.enable_account(ctx.database, account_id)
        if status is None:
            raise no_account(account_id)
        if status == "needs_reconnect":
            raise BadInput(
                f"account {account_id} needs new credentials before it can post",
                hint=f"Give it some: {way_to_reconnect(account_row(ctx, account_id).platform, account_id)}.",
            )
        ctx.emit({"id": account_id, "status": status}, text=f"account {account_id} is {status}")


@app.command("disable", epilog=example("socialcron accounts disable 3"))
def disable_command(account_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Stop an account. Its posts wait; a send that has begun ends."""
    with command_context("accounts disable", json=json, env_file=env_file) as ctx:
        from socialcron.store import accounts

        status = accounts.disable_account(ctx.database, account_id)
        if status is None:
            raise no_account(account_id)
        ctx.emit(
            {"id": account_id, "status": status},
            text=f"account {account_id} is disabled; its posts wait until `socialcron accounts enable {account_id}`",
        )


@app.command("remove", epilog=example("socialcron accounts remove 3 --yes"))
def remove_command(
    account_id: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Also delete its posts and their history.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Delete an account, with its posts and their history if --yes says so.

    Refused while a post of it is being sent or its outcome is open. What is on the platform stays there.
    """
    with command_context("accounts remove", json=json, env_file=env_file) as ctx:
        from socialcron.batches.summary import counted
        from socialcron.store import accounts

        name = str(account_row(ctx, account_id).handle)
        if not yes and not json and is_interactive():
            counts = accounts.count_account_posts(ctx.database, account_id)
            named = f"account {account_id} ({clean(name)})"
            question = (
                f"Delete {named} with {counted(counts.posts, 'post')}, {counts.waiting} of them waiting?"
            )
            if counts.posts and not typer.confirm(question, err=True):
                raise typer.Abort
            yes = True
        counts_gone = accounts.remove_account(ctx.database, account_id, with_posts=yes)
        if counts_gone is None:
            raise no_account(account_id)
        ctx.emit(
            {"id": account_id, "deleted_posts": counts_gone.posts},
            text=f"removed account {account_id} ({clean(name)}) and {counted(counts_gone.posts, 'post')}",
        )


@app.command("test", epilog=example("socialcron accounts test 3"))
def check_command(account_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Ask the platform whose credentials these are. Exit 1 if it cannot be asked or refuses them."""
    with command_context("accounts test", json=json, env_file=env_file) as ctx:
        from socialcron.batches.checking import identify_account
        from socialcron.batches.connecting import way_to_reconnect
        from socialcron.store import accounts

        row = account_row(ctx, account_id)
        try:
            found = identify_account(ctx.database, ctx.settings, row)
        except PlatformError as exc:
            hint = exc.hint or "Nothing was changed; try again later."
            if isinstance(exc, AuthExpired):
                way_out = way_to_reconnect(row.platform, account_id)
                hint = f"{exc.hint or 'It needs new credentials.'} Then: {way_out}."
            data = {
                "id": account_id,
                "ok": False,
                "error_class": exc.error_class,
                "error": exc.message,
                "hint": hint,
            }
            word = "no answer" if isinstance(exc, Unavailable) else "refused"
            ctx.emit(data, text=f"{word}: {clean(exc.message)}\n{hint}")
            raise typer.Exit(ExitCode.ITEM_FAILED) from exc
        if row.external_id is None:
            accounts.store_external_id(ctx.database, account_id, found.external_id)
        row, notes = account_row(ctx, account_id), []
        if row.external_id not in (None, found.external_id):
            notes.append(f"stored external id {row.external_id!r} is not what the platform says")
        if row.status != "active":
            notes.append(f"the account is {row.status}")
        zone = display_zone(ctx.settings)
        if row.refresh_expires_at is not None:
            notes.append(_forecast(row.refresh_expires_at, zone))
        ctx.emit(
            {
                "id": account_id,
                "ok": True,
                "external_id": found.external_id,
                "handle": found.handle,
                "scopes": found.scopes,
                "app": row.settings.get("app"),
                "token_expires_at": row.token_expires_at,
                "refresh_expires_at": row.refresh_expires_at,
                "notes": notes,
            },
            text="\n".join(
                [
                    f"account {account_id} works: {row.platform} knows it as {clean(found.handle)} "
                    f"(id {clean(found.external_id)})",
                    *([f"Scopes: {' '.join(map(clean, found.scopes))}"] if found.scopes else []),
                    *([f"Token until {moment(ends, zone)}"] if (ends := row.token_expires_at) else []),
                    *(f"Note: {clean(note)}" for note in notes),
                ]
            ),
        )


def account_row(ctx: CommandContext, account_id: int) -> Any:
    """The stored account. Raises UsageError for an unknown id."""
    from socialcron.store.tokens import read_accounts

    found = read_accounts(ctx.database, [account_id])
    if not found:
        raise no_account(account_id)
    return found[account_id]


def no_account(account_id: int) -> UsageError:
    return UsageError(
        f"there is no account {account_id}", hint="`socialcron accounts list` shows those there are."
    )


def check_words(what: str, given: list[str] | None, known: tuple[str, ...]) -> None:
    """UsageError for a word that is none of `known`."""
    for word in given or ():
        if word not in known:
            raise UsageError(f"there is no {what} {word!r}", hint=f"Known: {', '.join(known)}.")


def _forecast(reconnect_by: datetime, zone: tzinfo) -> str:
    """What a person has to know about the end of an account's tokens."""
    return f"a person must connect it again by {moment(reconnect_by, zone)}, unless its tokens are renewed before"


def _encrypted(ctx: CommandContext, credentials: dict[str, Any]) -> str | None:
    from socialcron.store.secrets import KeyRing

    return KeyRing(ctx.settings.secret_key).encrypt(credentials) if credentials else None
