"""What every command shares: its options, its set-up and its one way to print.

    app = single_app()                                # or group_app("Posts.", "socialcron posts list")

    @app.command(epilog=example("socialcron status --json"))
    def status(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
        \"\"\"Show the state of the queue.\"\"\"
        with command_context("status", json=json, env_file=env_file) as ctx:
            counts = posts.count_by_status(ctx.database)
            ctx.emit({"posts": counts}, text=f"{sum(counts.values())} posts")

`ctx.settings` is loaded, logs are set up (`ctx.run_id`), `ctx.database` connects and checks the schema on first use
and is closed at the end. Raise any SocialcronError: `cli.main` prints it and picks the exit code. For another exit code
of a run that did its work, `raise typer.Exit(ExitCode.ITEM_FAILED)` after `emit`.
"""

from __future__ import annotations

import dataclasses
import json as jsonlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from socialcron import log
from socialcron.errors import SocialcronError
from socialcron.exitcodes import ExitCode
from socialcron.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from socialcron.store.engine import Database

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
EnvFileOption = Annotated[
    Path | None,
    typer.Option("--env-file", metavar="PATH", help="Read settings from this file, not from .env."),
]

# Options of the cron jobs.
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, metavar="N", help="Most items to claim in this run.")
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        "--concurrency", min=1, metavar="N", help="Accounts worked at once. [default: CONCURRENCY, 5]"
    ),
]
PlatformOption = Annotated[
    list[str] | None,
    typer.Option("--platform", metavar="NAME", help="Only this platform; repeat for several."),
]


def no_nan(value: float | None) -> float | None:
    """For options that take fractions: click takes "nan" for a number within any range."""
    if value is not None and value != value:
        raise typer.BadParameter("'nan' is no number")
    return value


MaxRuntimeOption = Annotated[
    float | None,
    typer.Option(
        "--max-runtime",
        callback=no_nan,
        min=1,
        max=31_536_000,
        metavar="SECONDS",
        help="Start nothing new after this time. [default: 300, plus the look-ahead]",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done; claim and send nothing.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with 1 if some item failed.")]

SCHEMA = "socialcron/1"


def single_app() -> typer.Typer:
    """The app of a module with one command."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Group(TyperGroup):
    """Lists its subcommands with the whole first sentence of each, where typer cuts them to one line."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, _first_sentence(command.help)) for name, command in self.commands.items()]
            )


def _first_sentence(text: str | None) -> str:
    words = " ".join((text or "").split())
    return words.partition(". ")[0].removesuffix(".") + "."


def group_app(help: str, *examples: str) -> typer.Typer:
    """The app of a module with subcommands, even if it has only one so far."""
    app = typer.Typer(
        cls=Group,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        epilog=example(*examples),
    )
    app.callback(help=help)(lambda: None)
    return app


def example(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


class CommandContext:
    """Made by `command_context`; see the module's docstring."""

    def __init__(
        self, command: str, *, json: bool, settings: Settings, run_id: str, check_schema: bool, replica: bool
    ) -> None:
        self.command = command
        self.json = json
        self.settings = settings
        self.run_id = run_id
        self.emitted: Mapping[str, Any] = {}
        self._check_schema = check_schema
        self._replica = replica

    @cached_property
    def database(self) -> Database:
        """Connects on first use. Raises DatabaseUnavailable, ConfigError, SchemaError."""
        from socialcron.store.engine import Database

        database = Database.connect(self.settings, replica=self._replica)
        if self._check_schema:
            try:
                database.check_schema()
            except BaseException:
                database.close()
                raise
        return database

    def emit(self, data: Mapping[str, Any], text: str | Callable[[Console], None] | None = None) -> None:
        """Print the result, once: `data` as a JSON document under --json, else `text`; None prints nothing.

        A callable gets a rich Console, for tables and charts; rich is imported only then.
        """
        self.emitted = data
        if self.json:
            print(document(self.command, data=data))
        elif isinstance(text, str):
            print(text)
        elif text is not None:
            from rich.console import Console

            text(Console(highlight=False))

    @property
    def connected(self) -> Database | None:
        """The database, if it was used and answered."""
        return self.__dict__.get("database")

    def close(self) -> None:
        if self.connected:
            self.connected.close()


@contextmanager
def command_context(
    command: str,
    *,
    json: bool,
    env_file: Path | None,
    check_schema: bool = True,
    replica: bool = False,
) -> Iterator[CommandContext]:
    """Set up the command named `command` ("post-due", "posts list").

    replica: it only reads, and may do so from SOCIALCRON_READ_URL.
    """
    settings = Settings.load(env_file)
    run_id = log.setup(
        command=command, level=settings.log_level, form=settings.log_format, secrets=settings.secrets()
    )
    ctx = CommandContext(
        command, json=json, settings=settings, run_id=run_id, check_schema=check_schema, replica=replica
    )
    try:
        yield ctx
    finally:
        ctx.close()


@contextmanager
def cron_job(
    command: str, *, json: bool, env_file: Path | None, watched: bool = True
) -> Iterator[CommandContext]:
    """`command_context` of a job that cron runs: who watches (batches/watching.py) hears of its start and its end.

    watched: False for a run that nobody waits for: a dry one, or one a person asked for.
    """
    with command_context(command, json=json, env_file=env_file) as ctx:
        if not watched:
            yield ctx
            return
        from socialcron.batches.watching import Watch

        watch = Watch(ctx.settings, command=command, run_id=ctx.run_id)
        watch.started()
        exit_code, error = ExitCode.OK, None
        try:
            yield ctx
        except typer.Exit as ended:
            exit_code = ExitCode(ended.exit_code)
            raise
        except SocialcronError as exc:
            exit_code, error = exc.exit_code, log.redact(str(exc))
            raise
        except KeyboardInterrupt:
            exit_code = ExitCode.INTERRUPTED
            raise
        except BaseException as exc:
            exit_code, error = ExitCode.BUG, type(exc).__name__
            raise
        finally:
            watch.ended(ctx.emitted, exit_code=exit_code, error=error, db=ctx.connected)


def is_interactive() -> bool:
    """Whether a person sits at the terminal, so that asking makes sense."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def document(command: str, **content: Any) -> str:
    """One line of JSON: {"schema", "command", "data" | "error"}. Times in ISO 8601 with their offset."""
    return jsonlib.dumps({"schema": SCHEMA, "command": command, **content}, default=_plain)


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case set() | frozenset() | tuple():
            return list(value)
        case Mapping():
            return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {spec.name: getattr(value, spec.name) for spec in dataclasses.fields(value)}
    return str(value)
