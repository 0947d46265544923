"""`socialcron posts ...`: write posts, look at them, steer them until they are out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from socialcron.commands.accounts import check_words
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
    moment,
    show,
    table,
)
from socialcron.errors import BadInput, UsageError
from socialcron.platforms import registry
from socialcron.whens import When, parse_when, zone_named

if TYPE_CHECKING:
    from socialcron.store.inspection import PostDetail
    from socialcron.store.tokens import AccountRow

app = group_app("Write, inspect, approve, retry and settle posts.")

STATUSES = ("scheduled", "processing", "posted", "failed", "unconfirmed", "missed", "cancelled")

TextOption = Annotated[str | None, typer.Option("--text", help="What the post says.")]
MediaOption = Annotated[
    list[str] | None,
    typer.Option("--media", metavar="PATH|URL", help="A file below the media root, or an https URL; repeat."),
]
AltOption = Annotated[
    list[str] | None, typer.Option("--alt", help="Describes the media: the n-th --alt the n-th --media.")
]
LinkOption = Annotated[
    str | None, typer.Option("--link", metavar="URL", help="Shown as a card where there are cards.")
]
ThreadOption = Annotated[
    list[str] | None, typer.Option("--thread", metavar="TEXT", help="A further post of the thread; repeat.")
]
CommentOption = Annotated[
    str | None,
    typer.Option("--first-comment", metavar="TEXT", help="A reply to the post, by the same account."),
]
PollOption = Annotated[
    list[str] | None,
    typer.Option("--poll", metavar="OPTION", help="An option of a poll; repeat, two at least."),
]
PollHoursOption = Annotated[
    int, typer.Option("--poll-hours", min=1, max=8760, help="How long the poll is open.")
]
TextForOption = Annotated[
    list[str] | None,
    typer.Option("--text-for", metavar="PLATFORM=TEXT", help="Another text on this platform; repeat."),
]
TzOption = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Zone of times without an offset, as in Europe/Berlin."),
]


@app.command(
    "add",
    epilog=example(
        "socialcron posts add --account 1 --account 2 --text 'Good morning!' --at 2026-12-01T09:00 --tz Europe/Berlin",
        "socialcron posts add --account mastodon:@me@mastodon.social --text Sunrise --media sun.jpg --alt 'The sun'",
    ),
)
def add_command(
    account: Annotated[
        list[str],
        typer.Option("--account", metavar="ID", help="Where to: an id, or platform:handle; repeat."),
    ],
    text: TextOption = None,
    media: MediaOption = None,
    alt: AltOption = None,
    link: LinkOption = None,
    thread: ThreadOption = None,
    first_comment: CommentOption = None,
    poll: PollOption = None,
    poll_hours: PollHoursOption = 24,
    text_for: TextForOption = None,
    at: Annotated[
        str, typer.Option("--at", metavar="WHEN", help="now, +10m, or ISO 8601: 2026-12-01T09:00+01:00.")
    ] = "now",
    tz: TzOption = None,
    draft: Annotated[bool, typer.Option("--draft", help="Wait for `socialcron posts approve`.")] = False,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="EXTERNAL_KEY", help="Yours, per account: adding it again changes nothing."
        ),
    ] = None,
    priority: Annotated[
        int, typer.Option("--priority", min=-32768, max=32767, help="Higher goes first among what is due.")
    ] = 0,
    max_attempts: Annotated[
        int, typer.Option("--max-attempts", min=1, max=100, help="Tries before the post counts as failed.")
    ] = 4,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Schedule a post on one or more accounts. Everything is checked before anything is stored.

    A time without an offset is read in --tz or TZ. A local time that occurs twice, when clocks go back, means the
    first; one that they skip is refused. +10m is another time on each call, so it does not go with --key.
    """
    with command_context("posts add", json=json, env_file=env_file) as ctx:
        from socialcron.batches.composing import media_rows, poll_row, variant_rows
        from socialcron.batches.scheduling import schedule
        from socialcron.content import Content
        from socialcron.store.scheduling import Draft, database_clock

        content = Content(
            text=text,
            media=media_rows(media or (), alt or (), ctx.settings.media_root),
            link=link or None,
            poll=poll_row(poll or (), poll_hours),
            thread=[{"text": part} for part in thread or ()],
            first_comment=first_comment or None,
            variants=variant_rows(text_for or (), {}),
        )
        accounts = find_accounts(ctx, account)
        now = database_clock(ctx.database)
        when = read_when(ctx, at, tz, now)
        draft_post = Draft(
            account_ids=tuple(accounts),
            content=content,
            due_at=when.at,
            external_key=key,
            priority=priority,
            max_attempts=max_attempts,
            needs_approval=draft,
        )
        plan = schedule(ctx.database, [draft_post], accounts=accounts, settings=ctx.settings, now=now)
        if problems := plan.problems():
            raise bad_post(problems)
        posts = [
            {
                "id": post.id,
                "account_id": post.account_id,
                "status": post.status,
                "due_at": post.due_at,
                "existing": post.existing,
            }
            for post in plan.posts
        ]
        zone = display_zone(ctx.settings)
        lines = [
            f"post {post.id} on {accounts[post.account_id].platform} {clean(accounts[post.account_id].handle)}: "
            + ("there already, " if post.existing else "waits for approval, " if draft else "")
            + f"due {moment(post.due_at, zone)}"
            for post in plan.posts
        ]
        notes = [when.note] if when.note else []
        notes += [
            f"account {id} is {row.status}: nothing goes out"
            for id, row in accounts.items()
            if row.status != "active"
        ]
        ctx.emit(
            {"posts": posts, "notes": notes}, text="\n".join([*lines, *(f"Note: {note}" for note in notes)])
        )


@app.command("list", epilog=example("socialcron posts list --status failed --status missed --platform x"))
def list_command(
    status: Annotated[
        list[str] | None, typer.Option("--status", help=f"{', '.join(STATUSES)}; repeat for several.")
    ] = None,
    platform: Annotated[list[str] | None, typer.Option("--platform", help="Only this one; repeat.")] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="ID", help="Only this one; repeat.")
    ] = None,
    due_before: Annotated[str | None, typer.Option("--due-before", metavar="WHEN")] = None,
    due_after: Annotated[str | None, typer.Option("--due-after", metavar="WHEN")] = None,
    tz: TzOption = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Only posts that say this.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Most posts to list.")] = 50,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """List posts, latest due first; with --status scheduled soonest first, with one of trouble last changed first."""
    with command_context("posts list", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.lists import list_posts
        from socialcron.store.scheduling import database_clock

        check_words("status", status, STATUSES)
        check_words("platform", platform, registry.names())
        if search is not None:
            check_text("search", search)
        bounds: dict[str, datetime] = {}
        if due_before is not None or due_after is not None:
            now = database_clock(ctx.database)
            for name, given in (("due_before", due_before), ("due_after", due_after)):
                if given is not None:
                    bounds[name] = read_when(ctx, given, tz, now).at or now
        rows = list_posts(
            ctx.settings,
            statuses=status,
            platforms=platform,
            account_ids=list(find_accounts(ctx, account)) if account else None,
            search=search,
            limit=limit,
            **bounds,
        )
        zone = display_zone(ctx.settings)
        cells = [
            (
                row.id,
                f"{row.platform} {clean(row.handle, width=30)}",
                _status_words(row.status, row.held_at, row.approved, row.incomplete_at_step),
                moment(row.due_at, zone),
                clean(row.text, width=50),
                clean(row.url if row.status == "posted" and not row.last_error else row.last_error, width=60),
            )
            for row in rows
        ]
        ctx.emit(
            {"posts": rows},
            text=(
                lambda console: show(
                    console, table("", ("#id", "account", "status", "due", "text", ""), cells)
                )
            )
            if rows
            else "no posts",
        )


@app.command("show", epilog=example("socialcron posts show 42 --json"))
def show_command(post_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Show a post: what it says, where it stands, and every try at each of its steps."""
    with command_context("posts show", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.inspection import read_attempt_history

        post = read_post(ctx, post_id)
        attempts = read_attempt_history(ctx.database, post_id)
        zone = display_zone(ctx.settings)
        pairs = [
            (name, moment(value, zone) if isinstance(value, datetime) else value)
            for name in post.__dataclass_fields__
            if (value := getattr(post, name)) not in (None, [], {})
        ]
        columns = ("#step", "#try", "phase", "error", "http", "#sends", "opened", "ended")
        cells = [
            (
                row.step,
                row.attempt,
                row.phase,
                clean(": ".join(part for part in (row.error_class, row.error) if part), width=70),
                row.http_status,
                row.sends,
                moment(row.opened_at, zone),
                moment(row.ended_at, zone),
            )
            for row in attempts
        ]
        ctx.emit(
            {**{name: getattr(post, name) for name in post.__dataclass_fields__}, "attempts": attempts},
            text=lambda console: show(
                console, fields("", pairs), *([table("Attempts", columns, cells)] if attempts else [])
            ),
        )


# --- shared by the commands --------------------------------------------------------------------------------------


def find_accounts(ctx: CommandContext, names: Sequence[str]) -> dict[int, AccountRow]:
    """The accounts named, each once. Raises UsageError for the first that is not there."""
    from socialcron.store import accounts

    found: dict[int, AccountRow] = {}
    for row in accounts.find_accounts(ctx.database, [*dict.fromkeys(names)]).values():
        if isinstance(row, str):
            raise UsageError(row, hint="`socialcron accounts list` shows ids and handles.")
        found[row.id] = row
    return found


def read_when(ctx: CommandContext, text: str, tz: str | None, now: datetime) -> When:
    zone = zone_named(tz) if tz is not None else None
    return parse_when(text, zone=lambda: zone or ctx.settings.zone(), now=now)


def read_post(ctx: CommandContext, post_id: int) -> PostDetail:
    from socialcron.store import inspection

    post = inspection.read_post(ctx.database, post_id)
    if post is None:
        raise no_post(post_id)
    return post


def no_post(post_id: int) -> UsageError:
    return UsageError(f"there is no post {post_id}", hint="`socialcron posts list` shows those there are.")


def bad_post(problems: list[str]) -> BadInput:
    return BadInput(
        problems[0] if len(problems) == 1 else f"{len(problems)} problems; nothing was stored",
        problems=problems if len(problems) > 1 else [],
        hint="`socialcron platforms show NAME` lists a platform's limits.",
    )


def check_text(what: str, text: str) -> None:
    from socialcron.batches.validation import text_problem

    if problem := text_problem(text):
        raise BadInput(f"{what} {problem}")


def _status_words(
    status: str, held_at: datetime | None, approved: bool, incomplete_at_step: int | None
) -> str:
    if status == "scheduled":
        return "held" if held_at else status if approved else "draft"
    return f"{status}, stopped at step {incomplete_at_step}" if incomplete_at_step is not None else status
