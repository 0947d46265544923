from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from socialcron import cli as cli_module
from socialcron.commands import common
from socialcron.errors import BadInput
from socialcron.exitcodes import ExitCode
from tests.conftest import Cli


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """A command `say` that emits {"said": "hello"}, then raises what the test puts into the list."""
    raises: list[BaseException | None] = []
    app = common.single_app()

    @app.command()
    def say(json: common.JsonOption = False, env_file: common.EnvFileOption = None) -> None:
        with common.command_context("say", json=json, env_file=env_file) as ctx:
            if raises:
                raise raises[0] or RuntimeError
            ctx.emit({"said": "hello"}, text="hello")

    module = ModuleType("socialcron.commands.say")
    module.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli_module.COMMANDS, "say", ("say", "Says hello."))
    return raises


def test_result__is_one_document_under_json(cli: Cli, say: list[BaseException]) -> None:
    ran = cli("say", "--json")

    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == {"schema": "socialcron/1", "command": "say", "data": {"said": "hello"}}


def test_result__is_text_without_json(cli: Cli, say: list[BaseException]) -> None:
    ran = cli("say")

    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "hello\n", "")


def test_error__is_one_text_with_a_hint_on_stderr(cli: Cli, say: list[BaseException]) -> None:
    say.append(
        BadInput("3 lines are bad", hint="Mend them.", problems=["line 1: no text", "line 4: no account"])
    )

    ran = cli("say")

    assert (ran.exit_code, ran.stdout) == (ExitCode.BAD_INPUT, "")
    assert ran.stderr.splitlines() == [
        "Error: 3 lines are bad",
        "  line 1: no text",
        "  line 4: no account",
        "Hint: Mend them.",
    ]


def test_error__lists_no_more_problems_than_fit_a_screen(cli: Cli, say: list[BaseException]) -> None:
    say.append(BadInput("25 lines are bad", problems=[f"line {number}" for number in range(1, 26)]))

    assert cli("say").stderr.splitlines()[-2:] == ["  line 20", "  and 5 more: --json lists all of them"]
    assert len(cli("say", "--json").error["problems"]) == 25


def test_error__is_one_document_under_json(cli: Cli, say: list[BaseException]) -> None:
    say.append(BadInput("3 lines are bad", hint="Mend them.", problems=["line 1: no text"]))

    ran = cli("say", "--json")

    assert ran.exit_code == ExitCode.BAD_INPUT
    assert ran.stderr == ""
    assert ran.error == {
        "code": "bad_input",
        "message": "3 lines are bad",
        "hint": "Mend them.",
        "problems": ["line 1: no text"],
    }


def test_exit__of_a_command_is_its_code(cli: Cli, say: list[BaseException]) -> None:
    say.append(typer.Exit(ExitCode.ITEM_FAILED))

    assert cli("say").exit_code == ExitCode.ITEM_FAILED


def test_interrupt__asks_to_run_again(cli: Cli, say: list[BaseException]) -> None:
    say.append(KeyboardInterrupt())

    assert cli("say").exit_code == ExitCode.INTERRUPTED
    assert cli("say", "--json").error["code"] == "interrupted"


def test_bug__shows_a_traceback_without_locals_and_without_secrets(
    cli: Cli, say: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWITTER_API_SECRET", "HUSHhush")
    say.append(KeyError("HUSHhush"))

    ran = cli("say", "--json")

    assert ran.exit_code == ExitCode.BUG
    assert ran.error["code"] == "bug"
    assert "a bug in socialcron: KeyError" in ran.error["message"]
    (line,) = ran.stderr.splitlines()
    assert "Traceback" in json.loads(line)["traceback"]
    assert "HUSH" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pots"], "No such command 'pots'. Did you mean 'posts'"),
        (["db", "chek"], "No such command 'chek'. Did you mean 'check'?"),
        (["db", "check", "--wat"], "No such option: --wat"),
        (["db", "check", "extra"], "Got unexpected extra argument"),
    ],
)
def test_usage__exits_2_in_both_forms(bare_cli: Cli, arguments: list[str], said: str) -> None:
    text = bare_cli(*arguments)
    document = bare_cli(*arguments, "--json")

    assert (text.exit_code, document.exit_code) == (2, 2)
    assert said in text.stderr
    assert "--help" in text.stderr
    assert said in document.error["message"]
    assert document.error["code"] == "usage"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["status", "--prometheus"],
            "Error: Option '--prometheus' requires an argument.\nHint: See `socialcron status --help`.\n",
        ),
        (
            ["completion"],
            "Error: Missing argument 'bash|zsh|fish'. Choose from: bash, zsh, fish\n"
            "Hint: See `socialcron completion --help`.\n",
        ),
    ],
)
def test_a_mistake_in_the_command_line__is_one_line_and_the_way_to_the_help(
    cli: Cli, arguments: list[str], said: str
) -> None:
    ran = cli(*arguments)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", said)


def test_error_document__names_the_command(bare_cli: Cli) -> None:
    assert json.loads(bare_cli("db", "check", "--json").stdout)["command"] == "db check"
    assert json.loads(bare_cli("status", "--nonsense", "--json").stdout)["command"] == "status"


def test_no_database__is_a_configuration_error(bare_cli: Cli) -> None:
    ran = bare_cli("db", "check", "--json")

    assert ran.exit_code == ExitCode.CONFIG
    assert "socialcron init" in ran.error["hint"]


def test_database_that_is_down__exits_69(bare_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:HUSHhush@127.0.0.1:1/app")

    ran = bare_cli("db", "check", "--json")

    assert ran.exit_code == ExitCode.UNAVAILABLE
    assert "HUSH" not in ran.stdout + ran.stderr


@pytest.mark.direct("the pooler's connections know the database's old setting")
def test_read_only_database__exits_69(cli: Cli, db: Any) -> None:
    db.connection.execute("DROP SCHEMA socialcron CASCADE")
    db.connection.execute(
        f'ALTER DATABASE "{db.connection.info.dbname}" SET default_transaction_read_only = on'.encode()
    )

    assert cli("db", "migrate").exit_code == ExitCode.UNAVAILABLE


def test_half_migrated_database__exits_78(cli: Cli, db: Any) -> None:
    db.connection.execute("DROP TABLE socialcron.schema_meta")

    ran = cli("db", "check", "--json")

    assert ran.exit_code == ExitCode.CONFIG
    assert "half-migrated" in ran.error["message"]


def test_unparsable_setting__exits_78_and_names_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCURRENCY", "many")

    ran = cli("db", "check", "--json")

    assert ran.exit_code == ExitCode.CONFIG
    assert "CONCURRENCY" in ran.error["message"]


def test_env_file__is_read_after_the_commands_name(bare_cli: Cli, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "other.env").write_text(f'DATABASE_URL="{database_url}"\n')

    assert bare_cli("db", "check", "--env-file", tmp_path / "other.env").exit_code == 0
    assert bare_cli("db", "check").exit_code == ExitCode.CONFIG


def test_db_check__describes_a_good_schema(cli: Cli) -> None:
    assert cli("db", "check", "--json").data["newer"] == []
    assert cli("db", "migrate", "--json").data["applied"] == []
    assert cli("db", "migrate").stdout == "the schema is up to date\n"


def test_help__lists_every_command_without_importing_one() -> None:
    code = (
        "import sys; from socialcron.cli import main; main(['--help']);"
        "print([m for m in sys.modules if m.startswith('socialcron.commands.')])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert shown.splitlines()[-1] == "[]"
    for name in cli_module.COMMANDS:
        assert f"  {name} " in shown


def test_version__is_printed(bare_cli: Cli) -> None:
    assert bare_cli("--version").stdout == "socialcron 0.1.0\n"


@pytest.mark.parametrize(
    "heavy", ["rich", "sqlalchemy", "httpx", "tenacity", "cryptography", "dotenv", "pydantic"]
)
def test_command_frame__imports_nothing_it_does_not_use(environment: dict[str, str], heavy: str) -> None:
    code = "import sys; from socialcron.cli import main; main(['db', 'check']); sys.exit(sys.argv[1] in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code, heavy],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd="/",
    )

    assert done.returncode == 0


def test_closed_pipe__is_no_error(environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "socialcron", "db", "check", "--json"],
        env={**os.environ, **environment},
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("closed", "words", "exit_code"),
    [
        (
            "<&-",
            "accounts add mastodon --handle me --set base_url=https://social.example --credentials -",
            65,
        ),
        ("<&-", "posts import -", 65),
        (">&-", "platforms list", 0),
        (">&-", "platforms list --json", 0),
        (">&- 2>&- <&-", "platforms show nosuch", 2),
    ],
)
def test_missing_standard_streams__are_empty_and_no_bug(
    environment: dict[str, str], closed: str, words: str, exit_code: int
) -> None:
    command = f"exec {sys.executable} -m socialcron {words} {closed}"

    ran = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True)

    assert (ran.returncode, "Traceback" in ran.stderr) == (exit_code, False), ran.stderr


def test_database_that_is_down__is_said_in_one_clear_line(
    bare_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@127.0.0.1:1/app")

    assert bare_cli("db", "check", "--json").error["message"] == (
        "cannot reach PostgreSQL at 127.0.0.1:1: Connection refused"
    )


def test_url_that_is_none__is_refused_with_a_hint_that_hides_nothing(
    bare_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me@db.example/app")

    ran = bare_cli("db", "check", "--json")

    assert ran.exit_code == ExitCode.CONFIG
    assert "postgresql://user@host" in ran.error["hint"]
    assert "[hidden]" not in ran.error["hint"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("db check --env-file gone.env", "cannot read gone.env: No such file or directory"),
        ("posts import gone.csv", "cannot read gone.csv: No such file or directory"),
        ("posts import .", "cannot read .: Is a directory"),
        (
            "accounts add mastodon --handle me --set base_url=https://a.example --credentials gone.json",
            "cannot read the credentials in gone.json: No such file or directory",
        ),
    ],
)
def test_unreadable_file__is_said_without_error_numbers(cli: Cli, words: str, said: str) -> None:
    assert cli(*words.split(), "--json").error["message"] == said


def test_db_check__names_what_was_dropped_since(cli: Cli, db: Any) -> None:
    db.connection.execute("ALTER TABLE socialcron.rate_limits RENAME TO limits_of_old")

    ran = cli("db", "check", "--json")

    assert ran.exit_code == ExitCode.CONFIG
    assert ran.error["message"] == "the schema is incomplete: no table rate_limits"


@pytest.mark.parametrize(
    "arguments",
    [
        ("post-due", "--max-runtime", "nan"),
        ("post-due", "--look-ahead", "nan"),
        ("post-due", "--grace", "inf"),
        ("collect-metrics", "--max-runtime", "1e300"),
        ("reset-stuck", "--threshold-minutes", "nan"),
        ("accounts", "refresh", "--expiring", "inf"),
        ("accounts", "connect", "x", "--timeout", "nan"),
    ],
)
def test_usage__takes_no_endless_length_of_time(bare_cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = bare_cli(*arguments, "--json")
    assert (ran.exit_code, ran.error["code"]) == (2, "usage")
    assert arguments[-2] in ran.error["message"]
