"""`socialcron posts ...`: write posts, look at them, steer them until they are out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from socialcron.commands.accounts import check_words
from socialcron.commands.common import (
    CommandContext,
    EnvFileOption,
    JsonOption,
    command_context,
    document,
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
    parse_id,
    progress_bar,
    seconds,
    show,
    table,
)
from socialcron.errors import BadInput, UsageError
from socialcron.exitcodes import ExitCode
from socialcron.model import POST_STATUSES
from socialcron.platforms import registry
from socialcron.whens import When, is_past, parse_span, parse_when, zone_named

if TYPE_CHECKING:
    from socialcron.store.inspection import PostDetail
    from socialcron.store.scheduling import Draft
    from socialcron.store.tokens import AccountRow

SHOWN_OCCURRENCES = 5

app = group_app(
    "Write, inspect, approve, retry and settle posts.", "socialcron posts list", "socialcron posts add --help"
)

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", parser=parse_id, help="Ids of posts.")]
OptionalIdsArgument = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", parser=parse_id, help="Ids of posts.")
]
TextOption = Annotated[str | None, typer.Option("--text", metavar="TEXT", help="What the post says.")]
MediaOption = Annotated[
    list[str] | None,
    typer.Option("--media", metavar="PATH|URL", help="A file below the media root, or an https URL; repeat."),
]
AltOption = Annotated[
    list[str] | None,
    typer.Option("--alt", metavar="TEXT", help="Describes the media: the n-th --alt the n-th --media."),
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
    int, typer.Option("--poll-hours", metavar="HOURS", min=1, max=8760, help="How long the poll is open.")
]
ForOption = Annotated[
    list[str] | None,
    typer.Option(
        "--for",
        metavar="PLATFORM.FIELD=VALUE",
        help="What differs on a platform: x.text=..., tiktok.media=..., youtube.title=...; repeat.",
    ),
]
NextSlotOption = Annotated[bool, typer.Option("--next-slot", help="At the next free of the account's hours.")]
TzOption = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Zone of times without an offset, as in Europe/Berlin."),
]


@app.command(
    "add",
    epilog=example(
        "socialcron posts add --account 1 --account 2 --text 'Good morning!' \\",
        "    --at 2026-12-01T09:00 --tz Europe/Berlin",
        "socialcron posts add --account mastodon:@me@mastodon.social --text Sunrise \\",
        "    --media sun.jpg --alt 'The sun'",
        "socialcron posts add --account 4 --account 5 --text 'Our film' \\",
        "    --media film.mp4 --for youtube.title='The film' --for x.text='Out now'",
        "socialcron posts add --account 3 --text 'When it suits' --next-slot",
        "socialcron posts add --account 3 --text 'Good Monday!' --repeat weekly \\",
        "    --at 'next monday 9am Europe/Berlin'",
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
    for_: ForOption = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="WHEN",
            help="now, +10m, 2026-12-01T09:00+01:00, 'tomorrow 9am'. [default: now]",
        ),
    ] = None,
    next_slot: NextSlotOption = False,
    repeat: Annotated[
        str | None,
        typer.Option(
            "--repeat",
            metavar="RULE",
            help="Again and again: hourly, daily, weekdays, weekly, monthly, yearly, or an RRULE.",
        ),
    ] = None,
    tz: TzOption = None,
    draft: Annotated[bool, typer.Option("--draft", help="Wait for `socialcron posts approve`.")] = False,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="EXTERNAL_KEY", help="Yours, per account: adding it again changes nothing."
        ),
    ] = None,
    priority: Annotated[
        int,
        typer.Option(
            "--priority", metavar="N", min=-32768, max=32767, help="Higher goes first among what is due."
        ),
    ] = 0,
    max_attempts: Annotated[
        int,
        typer.Option(
            "--max-attempts", metavar="N", min=1, max=100, help="Tries before the post counts as failed."
        ),
    ] = 4,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be stored, and when it is due; store nothing.")
    ] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Schedule a post on one or more accounts. Everything is checked before anything is stored.

    A time without an offset is read in --tz or TZ; a zone at its end beats both. A local time that occurs twice, when
    clocks go back, means the first; one that they skip is refused. +10m is another time on each call, so it does not
    go with --key.

    --next-slot takes the next free of the account's hours (`socialcron accounts slots`). --repeat makes a post for each
    occurrence, some weeks ahead (`socialcron recurrences`): 9 o'clock stays 9 o'clock when clocks change.

    --for says what differs on one platform: text, link, media, alt, thread, first_comment, thumbnail, or one of its
    own options, which `socialcron platforms show NAME` lists.
    """
    with command_context("posts add", json=json, env_file=env_file) as ctx:
        from socialcron.batches.composing import (
            bad_posts,
            check_platforms,
            media_rows,
            poll_row,
            variant_pairs,
            variant_rows,
        )
        from socialcron.batches.scheduling import schedule
        from socialcron.content import Content
        from socialcron.store.scheduling import Draft, database_clock

        if key == "":  # an unset variable of a script, which believes its posts to be guarded
            raise BadInput("the key is empty", hint="Leave out --key where there is none.")
        if next_slot and (at is not None or repeat is not None):
            raise UsageError("--next-slot is a time of its own: leave out --at and --repeat")
        if repeat is not None and key is not None:
            raise UsageError(
                "--key does not go with --repeat", hint="`socialcron recurrences list` shows what there is."
            )
        differences = variant_pairs(for_ or ())
        content = Content(
            text=text,
            media=media_rows(media or (), alt or (), ctx.settings.media_root),
            link=link or None,
            poll=poll_row(poll or (), poll_hours),
            thread=[{"text": part} for part in thread or ()],
            first_comment=first_comment or None,
            variants=variant_rows(differences, {}, ctx.settings.media_root),
        )
        accounts = find_accounts(ctx, account)
        check_platforms(differences, {row.platform for row in accounts.values()})
        now = database_clock(ctx.database)
        when = When(at=None) if next_slot else read_when(ctx, "now" if at is None else at, tz, now)
        draft_post = Draft(
            account_ids=tuple(accounts),
            content=content,
            due_at=when.at,
            next_slot=next_slot,
            external_key=key,
            priority=priority,
            max_attempts=max_attempts,
            needs_approval=draft,
        )
        zone = display_zone(ctx.settings)
        notes = [when.note] if when.note else []
        notes += [
            f"account {id} is {row.status}: nothing goes out"
            for id, row in accounts.items()
            if row.status != "active"
        ]
        notes += ["this was a dry run: nothing was stored"] if dry_run else []
        if repeat is not None:
            _add_recurrences(ctx, draft_post, repeat, when, tz, now, accounts, notes, dry_run=dry_run)
            return
        plan = schedule(
            ctx.database, [draft_post], accounts=accounts, settings=ctx.settings, now=now, dry_run=dry_run
        )
        if problems := plan.problems():
            raise bad_posts(problems)
        posts = [
            {
                "id": post.id if post.existing or not dry_run else None,
                "account_id": post.account_id,
                "status": post.status,
                "due_at": post.due_at,
                "existing": post.existing,
            }
            for post in plan.posts
        ]
        lines = [
            ("a post" if dry_run and not post.existing else f"post {post.id}")
            + f" on {accounts[post.account_id].platform} {clean(accounts[post.account_id].handle)}: "
            + ("there already, " if post.existing else "waits for approval, " if draft else "")
            + f"due {moment(post.due_at, zone)}"
            for post in plan.posts
        ]
        ctx.emit(
            {"posts": posts, "notes": notes}, text="\n".join([*lines, *(f"Note: {note}" for note in notes)])
        )


def _add_recurrences(
    ctx: CommandContext,
    draft: Draft,
    repeat: str,
    when: When,
    tz: str | None,
    now: datetime,
    accounts: Mapping[int, AccountRow],
    notes: list[str],
    *,
    dry_run: bool,
) -> None:
    """A recurrence on each account, and what it begins with."""
    from socialcron.batches.calendar import read_rule
    from socialcron.batches.planning import add_recurrences, preview
    from socialcron.batches.summary import counted
    from socialcron.store.planning import Rule

    zone = when.zone or (zone_named(tz) if tz is not None else ctx.settings.zone())
    if zone is None:
        raise BadInput(
            "--repeat needs a time zone, for its hour stays the same when clocks change",
            hint="Pass --tz Europe/Berlin, or set TZ.",
        )
    start = (when.at or now).astimezone(zone).replace(tzinfo=None, microsecond=0)
    rule = Rule(rrule=read_rule(repeat, start, zone), starts_at=start, zone=str(zone))
    made = add_recurrences(
        ctx.database, draft, rule, accounts=accounts, settings=ctx.settings, now=now, dry_run=dry_run
    )
    coming = preview(rule, zone, count=SHOWN_OCCURRENCES)
    data = [
        {
            "id": None if dry_run else one.recurrence_id,
            "account_id": one.account_id,
            "rrule": rule.rrule,
            "starts_at": start,
            "zone": rule.zone,
            "posts": len(one.due_ats),
            "next": coming,
        }
        for one in made
    ]
    lines = []
    for one in made:
        row = accounts[one.account_id]
        what = "a recurrence" if dry_run else f"recurrence {one.recurrence_id}"
        posts = f"{counted(len(one.due_ats), 'post')} so far"
        lines.append(f"{what} on {row.platform} {clean(row.handle)}: {rule.rrule}, {posts}")
    lines += [f"  {moment(at, zone)}" for at in coming]
    ctx.emit(
        {"recurrences": data, "notes": notes}, text="\n".join([*lines, *(f"Note: {note}" for note in notes)])
    )


@app.command(
    "import",
    epilog=example("socialcron posts import december.csv --dry-run", "generate | socialcron posts import -"),
)
def import_command(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="A CSV or JSONL file, or - for stdin.")],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="csv|jsonl", help="[default: by the file's ending or beginning]"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every line and store nothing.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Schedule the posts of a file: all of them, or none if one line is bad, with a verdict per line.

    Columns: account (an id, or platform:handle) and any of text, at, tz, media, alt, link, thread, first_comment, poll,
    key, priority, max_attempts, draft, held, variants; and PLATFORM.FIELD, as in youtube.title or x.text, for what
    differs on one platform (as `posts add --for`). Lists are JSON arrays; in a CSV cell media, alt and poll may also be
    separated by ";", and thread parts by lines of "---". An empty at means now, next-slot the account's next free one.
    With a key on each line, importing the file again changes nothing. Of what `socialcron export posts` wrote, only
    posts that are still scheduled are taken.
    """
    with command_context("posts import", json=json, env_file=env_file) as ctx:
        from socialcron.batches import importing
        from socialcron.batches.summary import counted

        check_words("format", [form] if form else None, ("csv", "jsonl"))
        rows = importing.read_rows(
            importing.read_source(source), "csv" if form == "csv" else "jsonl" if form else None, name=source
        )
        with progress_bar(len(rows), "posts", wanted=not json) as advance:
            good = importing.import_posts(
                ctx.database, rows, settings=ctx.settings, dry_run=dry_run, progress=advance
            )
        existing, skipped = sum(row.existing for row in rows), sum(row.skipped for row in rows)
        new = len(rows) - existing - skipped
        data = {
            "applied": good and not dry_run,
            "added": new if good and not dry_run else 0,
            "existing": existing,
            "skipped": skipped,
            "rows": [row.verdict for row in rows],
        }
        if good:
            were = "could be" if dry_run else "was" if new == 1 else "were"
            words = [f"{counted(new, 'post')} {were} imported"]
            words += [f"{existing} {'exists' if existing == 1 else 'exist'} already"] if existing else []
            words += [f"{skipped} passed over: they are out, under way or given up"] if skipped else []
            ctx.emit(data, text=", ".join(words))
            return
        bad = [row for row in rows if row.errors]
        error = BadInput(
            f"{len(bad)} of {len(rows)} lines cannot be used; nothing was imported",
            problems=[f"line {row.line}: {clean(error)}" for row in bad for error in row.errors],
            hint="Correct these lines and import the whole file again; `--dry-run` only looks.",
        )
        if not json:
            raise error
        print(
            document(
                ctx.command,
                data=data,
                error={
                    "code": error.code,
                    "message": error.message,
                    "hint": error.hint,
                    "problems": error.problems,
                },
            )
        )
        raise typer.Exit(error.exit_code)


@app.command("list", epilog=example("socialcron posts list --status failed --status missed --platform x"))
def list_command(
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help=f"{', '.join(POST_STATUSES)}; repeat for several."),
    ] = None,
    platform: Annotated[
        list[str] | None, typer.Option("--platform", metavar="NAME", help="Only this one; repeat.")
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="ID", help="Only this one; repeat.")
    ] = None,
    due_before: Annotated[
        str | None,
        typer.Option(
            "--due-before", metavar="WHEN", help="Only posts due before this: as for `posts add --at`."
        ),
    ] = None,
    due_after: Annotated[
        str | None, typer.Option("--due-after", metavar="WHEN", help="Only posts due at this or later.")
    ] = None,
    tz: TzOption = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Only posts that say this.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100_000, help="Most posts to list.")
    ] = 50,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """List posts, latest due first; with --status scheduled soonest first, with one of trouble last changed first."""
    with command_context("posts list", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.store.lists import list_posts
        from socialcron.store.scheduling import database_clock

        check_words("status", status, POST_STATUSES)
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
        columns = ("#id", "account", "=status", in_zone("due", zone), "text", "address or error")
        cells = [
            (
                row.id,
                f"{row.platform} {clean(row.handle, width=30)}",
                _status_words(row.status, row.held_at, row.approved, row.incomplete_at_step),
                minute(row.due_at, zone),
                clean(row.text, width=50),
                clean(row.url if row.status == "posted" and not row.last_error else row.last_error, width=60),
            )
            for row in rows
        ]
        ctx.emit(
            {"posts": rows},
            text=listing(columns, cells, nothing="no posts"),
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
        columns = ("#step", "#try", "=phase", "#http", "#sends", "=opened", "#took", "error")
        cells = [
            (
                row.step,
                row.attempt,
                row.phase,
                row.http_status,
                row.sends,
                moment(row.opened_at, zone),
                seconds((row.ended_at - row.opened_at).total_seconds() if row.ended_at else None),
                clean(": ".join(part for part in (row.error_class, row.error) if part), width=100),
            )
            for row in attempts
        ]
        ctx.emit(
            {**{name: getattr(post, name) for name in post.__dataclass_fields__}, "attempts": attempts},
            text=lambda console: show(
                console, fields("", pairs), *([table("Attempts", columns, cells)] if attempts else [])
            ),
        )


@app.command("explain", epilog=example("socialcron posts explain 42"))
def explain_command(post_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Say why a post is not out: exactly one reason, and what to do about it."""
    with command_context("posts explain", json=json, env_file=env_file) as ctx:
        from socialcron.batches.explaining import explain, rules_of
        from socialcron.store.inspection import explain_post

        post = explain_post(ctx.database, post_id)
        if post is None:
            raise no_post(post_id)
        zone = display_zone(ctx.settings)
        reason = explain(post, rules_of(ctx.settings), show=lambda value: moment(value, zone))
        ctx.emit(
            {
                "id": post_id,
                "status": post.status,
                "reason": reason.code,
                "message": reason.message,
                "advice": reason.advice,
                "until": reason.until,
                "recurrence_id": post.recurrence_id,
            },
            text=f"post {post_id}, {post.status}: {clean(reason.message)}\n{clean(reason.advice)}"
            + (
                f"\nIt is one of recurrence {post.recurrence_id}: "
                f"`socialcron recurrences show {post.recurrence_id}`."
                if post.recurrence_id
                else ""
            ),
        )


# --- steer -------------------------------------------------------------------------------------------------------


@app.command("approve", epilog=example("socialcron posts approve 42 43"))
def approve_command(post_ids: IdsArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Let drafts go out. Posts that say the same, on other accounts, are approved with them."""
    with command_context("posts approve", json=json, env_file=env_file) as ctx:
        from socialcron.store import steering

        if missing := steering.find_missing_posts(ctx.database, post_ids):
            raise no_post(missing[0])
        approved = steering.approve_posts(ctx.database, post_ids)
        named = ", ".join(map(str, post_ids))
        ctx.emit(
            {"ids": post_ids, "result": "done", "approved_contents": approved},
            text=f"approved: {named}" if approved else f"already approved: {named}",
        )


@app.command(
    "edit",
    epilog=example(
        "socialcron posts edit 42 --text 'Good evening!'", "socialcron posts edit 42 --no-media --link ''"
    ),
)
def edit_command(
    post_id: IdArgument,
    text: TextOption = None,
    media: MediaOption = None,
    alt: AltOption = None,
    no_media: Annotated[bool, typer.Option("--no-media", help="Take the media away.")] = False,
    link: LinkOption = None,
    thread: ThreadOption = None,
    no_thread: Annotated[bool, typer.Option("--no-thread", help="Take the further posts away.")] = False,
    first_comment: CommentOption = None,
    poll: PollOption = None,
    poll_hours: PollHoursOption = 24,
    no_poll: Annotated[bool, typer.Option("--no-poll", help="Take the poll away.")] = False,
    for_: ForOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Change what a post says, until it is being sent. An empty --text, --link or --first-comment takes it away.

    Posts of the same `posts add` on other accounts change with it, except those that are out already. The result is
    done, requested (a run has it, and takes it up again with the new content) or too_late.
    """
    with command_context("posts edit", json=json, env_file=env_file) as ctx:
        from socialcron.batches.composing import Edit, checker, variant_pairs
        from socialcron.store.steering import edit_post

        edit = Edit(
            text=text,
            media=[] if no_media else media,
            alt=alt or [],
            link=link,
            thread=[] if no_thread else thread,
            first_comment=first_comment,
            poll=[] if no_poll else poll,
            poll_hours=poll_hours,
            variants=variant_pairs(for_ or ()),
            media_root=ctx.settings.media_root,
        )
        if edit.is_empty:
            raise UsageError("nothing to change was given", hint="See `socialcron posts edit --help`.")
        edited = edit_post(ctx.database, post_id, edit.apply, check=checker(ctx.settings, edit.variants))
        if edited is None:
            raise no_post(post_id)
        others = [str(id) for id in edited.post_ids if id != post_id]
        kept = [str(id) for id in edited.kept_ids if id != post_id]
        ctx.emit(
            {"id": post_id, "result": edited.result, "posts": edited.post_ids, "kept": edited.kept_ids},
            text=_result_line(post_id, edited.result, "edited")
            + (f"; so are {', '.join(others)}, which say the same" if others and edited.post_ids else "")
            + (f"; {', '.join(kept)} are out and stay as they are" if kept and edited.post_ids else ""),
        )


@app.command("hold", epilog=example("socialcron posts hold 42"))
def hold_command(post_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Keep a post in the queue until `posts release`."""
    with command_context("posts hold", json=json, env_file=env_file) as ctx:
        from socialcron.store.steering import hold_post

        _emit_result(ctx, post_id, hold_post(ctx.database, post_id), "held")


@app.command("release", epilog=example("socialcron posts release 42"))
def release_command(post_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Let a held post go out at its time."""
    with command_context("posts release", json=json, env_file=env_file) as ctx:
        from socialcron.store.steering import release_post

        was_held = release_post(ctx.database, post_id)
        if was_held is None:
            raise no_post(post_id)
        ctx.emit(
            {"id": post_id, "result": "done", "was_held": was_held},
            text=f"post {post_id} released" if was_held else f"post {post_id} was not held",
        )


@app.command("cancel", epilog=example("socialcron posts cancel 42"))
def cancel_command(post_id: IdArgument, json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Take a post out of the queue: done, requested (a run has it and will not send it), or too_late."""
    with command_context("posts cancel", json=json, env_file=env_file) as ctx:
        from socialcron.store.steering import cancel_post

        _emit_result(ctx, post_id, cancel_post(ctx.database, post_id), "cancelled")


@app.command(
    "reschedule",
    epilog=example(
        "socialcron posts reschedule 42 --at 'tomorrow 9am Europe/Berlin'",
        "socialcron posts reschedule 42 --next-slot",
    ),
)
def reschedule_command(
    post_id: IdArgument,
    at: Annotated[str | None, typer.Option("--at", metavar="WHEN", help="As for `posts add`.")] = None,
    next_slot: NextSlotOption = False,
    tz: TzOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Give a post another time, also one that failed, was missed or cancelled: done, requested or too_late."""
    with command_context("posts reschedule", json=json, env_file=env_file) as ctx:
        from socialcron.store.scheduling import database_clock
        from socialcron.store.steering import reschedule_post

        if (at is None) != next_slot:
            raise UsageError("say one of --at WHEN and --next-slot")
        now = database_clock(ctx.database)
        when = When(at=None) if at is None else read_when(ctx, at, tz, now)
        if is_past(when.at, now):
            raise BadInput(f"{at!r} has passed", hint="To publish at once: --at now.")
        changed = reschedule_post(ctx.database, post_id, when.at, next_slot=next_slot)
        if changed is None:
            raise no_post(post_id)
        result, due_at = changed
        line = _result_line(post_id, result, f"rescheduled to {moment(due_at, display_zone(ctx.settings))}")
        ctx.emit(
            {"id": post_id, "result": result, "due_at": due_at, "notes": [when.note] if when.note else []},
            text=f"{line}\nNote: {when.note}" if when.note else line,
        )


@app.command("retry", epilog=example("socialcron posts retry 42", "socialcron posts retry 42 --force"))
def retry_command(
    post_id: IdArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Send it although another post says the same.")
    ] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Try again: a post that failed, was missed or cancelled, stopped in the middle, or waits for its next try.

    What is out is not sent again. A post whose outcome is unknown is never retried: see `posts resolve`.
    """
    with command_context("posts retry", json=json, env_file=env_file) as ctx:
        from socialcron.store.steering import retry_post

        before = retry_post(ctx.database, post_id, force=force)
        if before is None:
            raise no_post(post_id)
        ctx.emit(
            {"id": post_id, "result": "done", "status": "scheduled", "was": before},
            text=f"post {post_id} was {before} and is in the queue again",
        )


@app.command(
    "resolve",
    epilog=example(
        "socialcron posts resolve 42 --posted https://mastodon.social/@me/1234567",
        "socialcron posts resolve 42 --retry   # it is not there: send it again",
    ),
)
def resolve_command(
    post_id: IdArgument,
    posted: Annotated[
        str | None, typer.Option("--posted", metavar="URL", help="It is out; this is its address.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="It is not out, and shall not be.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="It is not out; send it again.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Say what you saw on the platform of a post whose outcome is unknown.

    --retry on a post that is out after all makes a second one: look first.
    """
    with command_context("posts resolve", json=json, env_file=env_file) as ctx:
        from socialcron.batches.composing import remote_id_of, step_count
        from socialcron.store.steering import resolve_post

        if (posted is not None) + failed + retry != 1:
            raise UsageError(
                "say one of --posted URL, --failed and --retry", hint="Look at the account first."
            )
        post = read_post(ctx, post_id)
        status = resolve_post(
            ctx.database,
            post_id,
            outcome="posted" if posted is not None else "failed" if failed else "retry",
            step_count=step_count(post.content(), post.platform),
            url=posted,
            remote_id=None if posted is None else remote_id_of(posted),
        )
        ctx.emit({"id": post_id, "result": "done", "status": status}, text=f"post {post_id} is {status} now")


@app.command(
    "validate",
    epilog=example("socialcron posts validate 42 43", "socialcron posts validate --upcoming 48h --strict"),
)
def validate_command(
    post_ids: OptionalIdsArgument = None,
    upcoming: Annotated[
        str | None,
        typer.Option("--upcoming", metavar="SPAN", help="Waiting posts due within this: 90m, 48h, 7d."),
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Also fetch media given by URL, and look at what is there.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are problems.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Check posts and their media against the platforms' limits, before their time comes. [default: --upcoming 48h]"""
    with command_context("posts validate", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.batches.summary import counted
        from socialcron.batches.validation import find_problems
        from socialcron.store.steering import find_missing_posts, posts_to_validate

        if post_ids and upcoming is not None:
            raise UsageError("name posts or --upcoming, not both")
        if post_ids and (missing := find_missing_posts(ctx.database, post_ids)):
            raise no_post(missing[0])
        span = parse_span(upcoming or "48h")
        rows = posts_to_validate(
            ctx.database, post_ids=post_ids or None, upcoming_seconds=span.total_seconds()
        )
        problems = []
        with progress_bar(len(rows), "posts", wanted=fetch and not json) as advance:
            for row in rows:
                with TemporaryDirectory(prefix="socialcron-") as folder:
                    found = find_problems(
                        row.content(),
                        platform=row.platform,
                        settings=row.settings,
                        host=ctx.settings,
                        folder=Path(folder) if fetch else None,
                    )
                about = {
                    "id": row.id,
                    "account_id": row.account_id,
                    "platform": row.platform,
                    "handle": row.handle,
                }
                problems += [{**about, "field": x.field, "message": x.message} for x in found]
                advance(1)
        lines = [
            f"post {one['id']} on {one['platform']} {clean(one['handle'])}: "
            f"{clean(one['field'])}: {clean(one['message'])}"
            for one in problems
        ]
        summary = f"{counted(len(rows), 'post')} checked, {counted(len(problems), 'problem')}"
        ctx.emit({"checked": len(rows), "problems": problems}, text="\n".join([*lines, summary]))
        if strict and problems:
            raise typer.Exit(ExitCode.ITEM_FAILED)


# --- shared by the commands --------------------------------------------------------------------------------------


def _emit_result(ctx: CommandContext, post_id: int, result: str | None, word: str) -> None:
    if result is None:
        raise no_post(post_id)
    ctx.emit({"id": post_id, "result": result}, text=_result_line(post_id, result, word))


def _result_line(post_id: int, result: str, word: str) -> str:
    return {
        "done": f"post {post_id} {word}",
        "requested": f"post {post_id}: requested; a run holds it and obeys before it sends",
        "too_late": f"too late: post {post_id} is out, or may be; nothing was changed",
    }[result]


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
