"""`socialcron accounts ...`: connect accounts, look at them, switch them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from socialcron.commands.common import (
    CommandContext,
    EnvFileOption,
    JsonOption,
    command_context,
    example,
    group_app,
    is_interactive,
)
from socialcron.commands.display import (
    IdArgument,
    clean,
    display_zone,
    fields,
    in_zone,
    minute,
    moment,
    show,
    table,
)
from socialcron.errors import AuthExpired, BadInput, PlatformError, Unavailable, UsageError
from socialcron.exitcodes import ExitCode
from socialcron.platforms import registry

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


@app.command(
    "add",
    epilog=example(
        "socialcron accounts add mastodon --handle @me@mastodon.social \\",
        "    --set base_url=https://mastodon.social --credentials token.json",
        "socialcron platforms show mastodon   # its credentials and settings",
    ),
)
def add_command(
    platform: Annotated[str, typer.Argument(help="One of `socialcron platforms list`.")],
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
        from socialcron.batches.connecting import accept_credentials, accept_settings, read_json
        from socialcron.store import accounts

        registry.declaration(platform)
        names = {"handle": _name("handle", handle), "external_id": _name("external id", external_id)}
        settings = accept_settings(platform, set_ or ())
        accepted = accept_credentials(platform, None if credentials is None else read_json(credentials))
        account_id = accounts.add_account(
            ctx.database,
            platform=platform,
            handle=names["handle"] or "",
            external_id=names["external_id"],
            settings=settings,
            credentials=_encrypted(ctx, accepted.credentials),
            token_expires_at=accepted.expires_at,
            needs_session=accepted.needs_session,
        )
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
            needs_session=accepted.needs_session,
        )
        ctx.emit(
            {"id": account_id, "status": status},
            text=f"account {account_id} has new credentials and is {status}",
        )


@app.command("list", epilog=example("socialcron accounts list --platform x --status needs_reconnect"))
def list_command(
    platform: Annotated[
        list[str] | None, typer.Option("--platform", metavar="NAME", help="Only this one; repeat.")
    ] = None,
    status: StatusOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """List connected accounts, and how many posts wait on each."""
    with command_context("accounts list", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.lists import list_accounts

        check_words("status", status, STATUSES)
        check_words("platform", platform, registry.names())
        rows = list_accounts(ctx.settings, platforms=platform, statuses=status)
        zone = display_zone(ctx.settings)
        ctx.emit(
            {"accounts": rows},
            text=(
                lambda console: show(
                    console,
                    table(
                        "",
                        (
                            "#id",
                            "account",
                            "=status",
                            "#waiting",
                            in_zone("token until", zone),
                            "last error",
                        ),
                        [
                            (
                                row.id,
                                f"{row.platform} {clean(row.handle, width=25)}",
                                row.status if row.autopost_enabled else f"{row.status}, autopost off",
                                row.waiting,
                                minute(row.token_expires_at, zone),
                                clean(row.last_error, width=60),
                            )
                            for row in rows
                        ],
                    ),
                )
            )
            if rows
            else "no accounts; connect one with `socialcron accounts add`",
        )


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
        ctx.emit(
            {name: getattr(row, name) for name in row.__dataclass_fields__},
            text=lambda console: show(console, fields("", pairs)),
        )


@app.command("enable", epilog=example("socialcron accounts enable 3"))
def enable_command(account_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Let a disabled account post again, or one whose autopost was switched off."""
    with command_context("accounts enable", json=json, env_file=env_file) as ctx:
        from socialcron.store import accounts

        status = accounts.enable_account(ctx.database, account_id)
        if status is None:
            raise no_account(account_id)
        if status == "needs_reconnect":
            raise BadInput(
                f"account {account_id} needs new credentials before it can post",
                hint=f"Give it some: `socialcron accounts reconnect {account_id} --credentials FILE`.",
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
        from socialcron.store import accounts

        name = str(account_row(ctx, account_id).handle)
        if not yes and not json and is_interactive():
            counts = accounts.count_account_posts(ctx.database, account_id)
            named = f"account {account_id} ({clean(name)})"
            question = f"Delete {named} with {counts.posts} posts, {counts.waiting} of them waiting?"
            if counts.posts and not typer.confirm(question, err=True):
                raise typer.Abort
            yes = True
        counts_gone = accounts.remove_account(ctx.database, account_id, with_posts=yes)
        if counts_gone is None:
            raise no_account(account_id)
        ctx.emit(
            {"id": account_id, "deleted_posts": counts_gone.posts},
            text=f"removed account {account_id} ({clean(name)}) and {counts_gone.posts} posts",
        )


@app.command("test", epilog=example("socialcron accounts test 3"))
def check_command(account_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Ask the platform whose credentials these are. Exit 1 if it cannot be asked or refuses them."""
    with command_context("accounts test", json=json, env_file=env_file) as ctx:
        from socialcron.batches.checking import identify_account
        from socialcron.store import accounts

        row = account_row(ctx, account_id)
        try:
            found = identify_account(ctx.database, ctx.settings, row)
        except PlatformError as exc:
            hint = exc.hint or "Nothing was changed; try again later."
            if isinstance(exc, AuthExpired):
                way_out = f"`socialcron accounts reconnect {account_id} --credentials FILE`"
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
        notes = []
        if row.external_id not in (None, found.external_id):
            notes.append(f"stored external id {row.external_id!r} is not what the platform says")
        if row.status != "active":
            notes.append(f"the account is {row.status}")
        ctx.emit(
            {
                "id": account_id,
                "ok": True,
                "external_id": found.external_id,
                "handle": found.handle,
                "scopes": found.scopes,
                "notes": notes,
            },
            text="\n".join(
                [
                    f"account {account_id} works: {row.platform} knows it as {clean(found.handle)} "
                    f"(id {clean(found.external_id)})",
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


def _name(what: str, value: str | None) -> str | None:
    """A handle or id, trimmed. Raises BadInput if it is empty or cannot be stored."""
    from socialcron.batches.validation import text_problem

    if value is None:
        return None
    problem = text_problem(value)
    if not value.strip():
        problem = "is empty"
    elif not problem and not value.strip().isprintable():
        problem = "holds control characters"
    if problem:
        raise BadInput(f"the {what} {problem}")
    return value.strip()


def _encrypted(ctx: CommandContext, credentials: dict[str, Any]) -> str | None:
    from socialcron.store.secrets import KeyRing

    return KeyRing(ctx.settings.secret_key).encrypt(credentials) if credentials else None
