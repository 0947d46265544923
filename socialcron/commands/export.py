"""`socialcron export ...`: rows for spreadsheets and programs, as they come from the database."""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from socialcron.commands.accounts import check_words
from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, group_app
from socialcron.commands.display import display_zone
from socialcron.commands.files import writing
from socialcron.commands.period import FromOption, ToOption, parse_period
from socialcron.errors import UsageError

app = group_app(
    "Write posts or readings as CSV or JSON lines.",
    "socialcron export posts --output posts.csv",
    "socialcron export metrics --format jsonl --from 2026-11-01 | jq .views",
)

FormatOption = Annotated[
    str | None,
    typer.Option("--format", metavar="csv|jsonl", help="[default: by the ending of --output, else csv]"),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Write here, once it is complete; else to stdout."),
]


@app.command(
    "posts",
    epilog=example(
        "socialcron export posts --from 2026-11-01 --output november.csv",
        "socialcron export posts --format jsonl > posts.jsonl",
    ),
)
def posts_command(
    form: FormatOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Write posts by their due time: what `socialcron posts import` reads, and what became of each.

    An import reads such a file back; it passes over the columns from id on and posts that are not scheduled any more,
    so that nothing goes out again. In CSV, texts that begin with = + - @, a tab or a line break get a ' in front,
    because spreadsheets would run them; an import takes it away again. Times are in the zone of TZ, with their offset.
    """
    _export("posts", form, from_, to, output, json=json, env_file=env_file)


@app.command("metrics", epilog=example("socialcron export metrics --from 2026-11-01 --output november.csv"))
def metrics_command(
    form: FormatOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Write the readings of published posts, one a line, by their slot. Nothing (null) is "not reported", 0 is zero."""
    _export("metrics", form, from_, to, output, json=json, env_file=env_file)


@app.command("profiles", epilog=example("socialcron export profiles --format jsonl --output profiles.jsonl"))
def profiles_command(
    form: FormatOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Write the readings of the posts of monitored profiles, one a line. Null is "not reported", 0 is zero."""
    _export("profiles", form, from_, to, output, json=json, env_file=env_file)


def _export(
    what: str,
    form: str | None,
    given_from: str | None,
    given_to: str | None,
    output: Path | None,
    *,
    json: bool,
    env_file: Path | None,
) -> None:
    with command_context(f"export {what}", json=json, env_file=env_file, replica=True) as ctx:
        from socialcron.batches.exporting import write_csv, write_jsonl
        from socialcron.batches.summary import counted
        from socialcron.store.reporting import stream

        check_words("format", [form] if form else None, ("csv", "jsonl"))
        if json and output is None:
            raise UsageError(
                "--json without --output", hint="The rows themselves go to stdout: name a file for them."
            )
        if form is None:
            form = "jsonl" if output and output.suffix.lower() in (".jsonl", ".ndjson") else "csv"
        zone = display_zone(ctx.settings)
        period = parse_period(given_from, given_to, zone)
        write = write_csv if form == "csv" else write_jsonl
        columns, rows = stream(ctx.database, f"export_{what}", begin=period.begin, end=period.end)
        with closing(rows), writing(output) if output else nullcontext(sys.stdout) as target:
            count = write(columns, rows, target, zone=zone)
        if output is not None:
            word = "post" if what == "posts" else "reading"
            ctx.emit(
                {"rows": count, "format": form, "output": str(output)},
                text=f"{counted(count, word)} written to {output}",
            )
