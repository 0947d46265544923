"""The command line: finds the command named first, imports only that, and turns errors into text and exit codes."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from socialcron.commands import COMPLETE
from socialcron.errors import BadInput, SocialcronError
from socialcron.exitcodes import ExitCode

SHOWN_PROBLEMS = 20  # of BadInput, to a person: they fit a screen

# name -> module (its `app` is the command or the group of subcommands) and the line of `socialcron --help`, which
# therefore imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "post-due": ("post_due", "Publish posts whose time has come, then exit."),
    "collect-metrics": ("collect_metrics", "Read views, likes and the like of published posts, then exit."),
    "trigger-monitoring": ("trigger_monitoring", "Read watched public profiles, then exit."),
    "cache-media": ("cache_media", "Keep covers and thumbnails of monitored posts, then exit."),
    "reset-stuck": ("reset_stuck", "Take posts back from runs that died."),
    "reset-ratelimits": ("reset_ratelimits", "Clear rate limits whose window has passed."),
    "maintain": ("maintain", "Drop old history, make partitions, heal hints; for once a day."),
    "doctor": ("doctor", "Check everything that posts need to go out."),
    "status": ("status", "Show the queue: counts, delays, errors, last runs."),
    "init": ("init", "Make what is missing: database, key, schema."),
    "db": ("db", "Migrate and check the schema; stop the embedded database."),
    "keys": ("keys", "List the keys of stored secrets, and change them."),
    "accounts": ("accounts", "Connect and manage accounts."),
    "posts": ("posts", "Write, inspect, approve, retry and settle posts."),
    "recurrences": ("recurrences", "Posts that come again and again: show, pause, end."),
    "metrics": ("metrics", "Look at what published posts gained."),
    "profiles": ("profiles", "Watch public profiles: what they post, and how it grows."),
    "subscriptions": ("subscriptions", "Tell people and programs what happens: mail, webhooks."),
    "report": ("report", "Write a page with charts: queue, calendar, reach."),
    "export": ("export", "Write posts or readings as CSV or JSON lines."),
    "platforms": ("platforms", "Show what each platform can do and its limits."),
    "sandbox": ("sandbox", "Serve local stand-ins of the platforms."),
    "completion": ("completion", "Print what your shell needs to complete commands."),
}


class LazyGroup(TyperGroup):
    """Imports a command's module when that command is named."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"socialcron.commands.{COMMANDS[cmd_name][0]}")
        return typer.main.get_command(module.app)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Names of commands, from the table: importing all of them would keep the shell waiting."""
        from typer._click.shell_completion import CompletionItem

        if not incomplete or incomplete[0].isalpha():
            return [
                CompletionItem(name, help=help)
                for name, (_, help) in COMMANDS.items()
                if name.startswith(incomplete)
            ]
        return super().shell_complete(ctx, incomplete)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])


def _root() -> LazyGroup:
    unloaded: Any = dict.fromkeys(COMMANDS)  # the keys are what suggestions for a typo are made from
    return LazyGroup(
        name="socialcron",
        commands=unloaded,
        help="Publish posts from PostgreSQL. Each command does one batch of work and exits; run them from cron.",
        epilog="`socialcron COMMAND --help` shows options and an example. `socialcron --version` prints the version.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Nothing but KeyboardInterrupt during start-up leaves this function."""
    with _stopped_with_a_word():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_missing_streams()
    if arguments == ["--version"]:
        from socialcron import __version__

        print(f"socialcron {__version__}")
        return ExitCode.OK
    if COMPLETE in os.environ:
        from typer._completion_classes import completion_init  # typer does it only for add_completion=True

        completion_init()
    try:
        code = _root().main(args=arguments, prog_name="socialcron", standalone_mode=False)
        sys.stdout.flush()  # here, so that a closed pipe is noticed here
    except typer.TyperException as exc:  # its subclasses are all mistakes in the command line
        said = exc.format_message()
        if said.startswith("Usage: "):  # no command was named, and this is the whole help
            print(said, file=sys.stderr)
            return ExitCode.USAGE
        said = " ".join(said.split())  # choices come one a line
        said = said.replace("a valid int range", "a whole number").replace("a valid float range", "a number")
        return _report(arguments, "usage", said, _usage_hint(exc, arguments), ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except (BrokenPipeError, SystemExit) as exc:
        if isinstance(exc, SystemExit) and not isinstance(exc.__context__, BrokenPipeError):
            raise  # typer makes SystemExit(1) of a broken pipe, and only of that
        _close_stdout()  # the reader (`| head`) has seen enough; the work itself is done
        return ExitCode.OK
    except SocialcronError as exc:
        problems = exc.problems if isinstance(exc, BadInput) else []
        return _report(arguments, exc.code, exc.message, exc.hint, exc.exit_code, problems)
    except Exception as exc:
        if isinstance(exc, OSError) and exc.errno in _FULL:
            said = f"cannot write {exc.filename or 'the output'}: {exc.strerror}"
            hint = "Make room on that disk. What was done before this is recorded in the database."
            return _report(arguments, "disk_full", said, hint, ExitCode.UNAVAILABLE)
        return _report_bug(arguments, exc)
    if code == 130:  # typer's code for Ctrl-C; ours says "run again"
        return _report(arguments, "interrupted", "interrupted", "Run it again.", ExitCode.INTERRUPTED)
    return code if isinstance(code, int) else ExitCode.OK


@contextmanager
def _stopped_with_a_word() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: with a word and exit code 75. Runs at work have a way of their own."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread: somebody else's process, somebody else's signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _open_missing_streams() -> None:
    """Give a process started with `<&-` or `>&-` something to read nothing from and to write nothing to.

    Python has None there, and the next socket would get the number of the missing stream.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  it stays open to the end


def _report(
    arguments: Sequence[str],
    code: str,
    message: str,
    hint: str | None,
    exit_code: ExitCode,
    problems: Sequence[str] = (),
) -> int:
    """Print one error: a document on stdout under --json, else text on stderr. `problems`: of BadInput."""
    from socialcron.log import printable, redact

    message, hint = redact(message), redact(hint) if hint else None
    problems = [redact(problem) for problem in problems]
    try:
        if _wants_json(arguments):
            from socialcron.commands.common import document

            error = {"code": code, "message": message, "hint": hint}
            print(
                document(_command_name(arguments), error=error | ({"problems": problems} if problems else {}))
            )
            sys.stdout.flush()
        else:
            lines = [f"Error: {message}", *(f"  {problem}" for problem in problems[:SHOWN_PROBLEMS])]
            if left := len(problems[SHOWN_PROBLEMS:]):
                lines.append(f"  and {left} more: --json lists all of them")
            print(printable("\n".join([*lines, f"Hint: {hint}"] if hint else lines)), file=sys.stderr)
    except OSError:  # nobody reads it any more, or there is no room for it either
        _close_stdout()
    return exit_code


def _close_stdout() -> None:
    """Let what is still buffered go nowhere; Python would complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_bug(arguments: Sequence[str], exc: Exception) -> int:
    import logging

    from socialcron import log

    if not logging.getLogger().handlers:  # it happened before the settings were read
        log.setup(command=_command_name(arguments))
    log.event("bug", level=log.ERROR, exc_info=exc)
    return _report(
        arguments,
        "bug",
        f"a bug in socialcron: {type(exc).__name__}: {exc}",
        "Please report it with the traceback on stderr. Posts are safe: what was claimed is taken up again.",
        ExitCode.BUG,
    )


def _usage_hint(exc: typer.TyperException, arguments: Sequence[str]) -> str:
    context = getattr(exc, "ctx", None)  # an option without its value comes without
    path = context.command_path if context is not None else f"socialcron {_command_name(arguments)}"
    return f"See `{path} --help`."


def _wants_json(arguments: Sequence[str]) -> bool:
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _command_name(arguments: Sequence[str]) -> str:
    """ "posts list" for `posts list --json`: the command, and the subcommand if what follows it looks like one."""
    words = list(arguments[:2])
    if len(words) == 2 and (words[0] in _SINGLE or not words[1][:1].isalpha()):
        words.pop()
    return " ".join(words) if words and not words[0].startswith("-") else "socialcron"


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SINGLE = COMMANDS.keys() - {
    "db",
    "keys",
    "accounts",
    "posts",
    "recurrences",
    "metrics",
    "profiles",
    "subscriptions",
    "export",
    "platforms",
}
