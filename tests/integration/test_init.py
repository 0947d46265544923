from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from cryptography.fernet import Fernet

from socialcron.commands.init import write_env
from socialcron.commands.schedule import JOBS, lines
from socialcron.settings import Settings
from tests.conftest import Cli
from tests.integration.test_embedded import remove


def key_in(path: Path) -> str:
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("SOCIALCRON_SECRET_KEY=")]
    return line.partition("=")[2]


MINE = "MAILTO=me@example.org\n5 * * * * backup  # 100\\%\n"
"""What a user's crontab holds before we come."""

CRONTAB = """#!/bin/sh
[ -e "{file}" ] || [ "$1" = - ] || { echo "no crontab for $USER" >&2; exit 1; }
[ "$1" = -l ] && exec cat "{file}"
[ "$1" = - ] && exec cat >"{file}"
"""


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a program `crontab` that stands in for Debian's; test_cron.py has the real one."""
    file = tmp_path / "crontab of this user"
    file.write_text(MINE)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "crontab"
    program.write_text(CRONTAB.replace("{file}", str(file)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return file


Terminal = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def terminal(bare_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Starts `socialcron init` on a terminal, in an environment that holds no setting but SOCIALCRON_HOME."""
    monkeypatch.setenv("COLUMNS", "200")
    program = str(Path(sys.executable).with_name("socialcron"))
    return lambda *options: pexpect.spawn(
        program, ["init", *map(str, options)], encoding="utf-8", timeout=30, dimensions=(50, 200)
    )


@pytest.fixture
def given(bare_cli: Cli, empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    return bare_cli


def test_init__without_a_url_makes_everything_and_nothing_twice(bare_cli: Cli, tmp_path: Path) -> None:
    try:
        first = bare_cli("init", "--json")
        assert first.exit_code == 0, first.error
        assert first.data["database"] == "embedded"
        assert first.data["database_made"]
        assert first.data["key_made"]
        assert first.data["applied"]
        key = key_in(tmp_path / ".env")

        again = bare_cli("init", "--json")
        assert (again.data["database_made"], again.data["key_made"], again.data["applied"]) == (
            False,
            False,
            [],
        )
        assert key_in(tmp_path / ".env") == key
        assert bare_cli("db", "check").exit_code == 0

        assert bare_cli("db", "stop", "--json").data == {"stopped": True}
        assert bare_cli("db", "check").exit_code == 0
    finally:
        remove(tmp_path / "home")


def test_init__uses_the_given_database(given: Cli, tmp_path: Path) -> None:
    ran = given("init", "--json")

    assert ran.data["database"] == "given"
    assert not (tmp_path / "home").exists()
    assert given("db", "check").exit_code == 0


def test_init__writes_a_working_key_that_only_the_owner_reads(given: Cli, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=WARNING")

    given("init")

    Fernet(key_in(tmp_path / ".env"))
    assert (tmp_path / ".env").read_text().startswith("LOG_LEVEL=WARNING\n")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_init__never_prints_the_key(given: Cli, tmp_path: Path) -> None:
    ran = given("init")

    assert key_in(tmp_path / ".env") not in ran.stdout + ran.stderr


def test_init__makes_the_named_env_file(given: Cli, tmp_path: Path) -> None:
    ran = given("init", "--env-file", tmp_path / "production.env", "--json")

    assert ran.data["env_file"] == str(tmp_path / "production.env")
    assert key_in(tmp_path / "production.env")
    assert not (tmp_path / ".env").exists()
    assert f"--env-file {tmp_path / 'production.env'}" in ran.data["crontab"][0]


def test_init__keeps_a_key_from_the_environment(
    given: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", Fernet.generate_key().decode())

    assert not given("init", "--json").data["key_made"]
    assert not (tmp_path / ".env").exists()


def test_init__shows_a_line_for_each_job_and_leaves_the_crontab_alone(given: Cli, crontab: Path) -> None:
    ran = given("init")

    lines = [line.strip() for line in ran.stdout.splitlines() if re.match(r"  [*\d]", line)]
    assert len(lines) == len(JOBS)
    for line, (when, words) in zip(lines, JOBS, strict=True):
        assert line.startswith(f"{when} cd ")
        assert f"socialcron {words} >>socialcron.log" in line
    assert crontab.read_text() == MINE


def test_init__says_what_to_do_when_the_key_cannot_be_written(given: Cli, tmp_path: Path) -> None:
    ran = given("init", "--env-file", tmp_path / "no" / "such" / "directory.env")

    assert ran.exit_code == 78
    assert "cannot write the new SOCIALCRON_SECRET_KEY" in ran.stderr
    assert "Fernet.generate_key()" in ran.stderr


def test_init__cron_finds_the_database_with_another_home_than_this_shell(
    bare_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        assert bare_cli("init").exit_code == 0
        text = (tmp_path / ".env").read_text()

        monkeypatch.delenv("SOCIALCRON_HOME")
        monkeypatch.setenv("HOME", "/nonexistent")

        assert bare_cli("db", "check").exit_code == 0
        assert bare_cli("init").exit_code == 0
        assert (tmp_path / ".env").read_text() == text
    finally:
        remove(tmp_path / "home")


# --- on a terminal -----------------------------------------------------------------------------------------------


def test_init__asks_on_a_terminal_and_writes_what_it_is_told(
    terminal: Terminal, crontab: Path, empty_database_url: str, tmp_path: Path
) -> None:
    asked = terminal()
    asked.expect("URL of your PostgreSQL")
    asked.sendline(empty_database_url)
    asked.expect("Time zone")
    asked.sendline("Europe/Atlantis")
    asked.expect("there is no time zone 'Europe/Atlantis'")
    asked.expect("Time zone")
    asked.sendline("Europe/Berlin")
    asked.expect("Where do you post first")
    asked.sendline("mastodon")
    asked.expect("crontab.*y/N")
    asked.sendline("y")
    asked.expect(pexpect.EOF)
    asked.wait()

    assert asked.exitstatus == 0, asked.before
    assert "accounts connect mastodon --set base_url=" in str(asked.before)
    written = Settings.load(tmp_path / ".env")
    assert (written.database_url, written.tz) == (empty_database_url, "Europe/Berlin")
    assert written.secret_key
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert crontab.read_text().startswith(MINE)
    assert crontab.read_text().count("socialcron post-due") == 1


def test_init__does_not_show_the_url_that_is_typed(terminal: Terminal, crontab: Path) -> None:
    asked = terminal()
    asked.logfile_read = shown = io.StringIO()
    asked.expect("URL of your PostgreSQL")
    asked.sendline("postgresql://me:hunter2hunter2@127.0.0.1:1/nowhere")
    asked.expect("Time zone")
    asked.sendline("")
    asked.expect("Where do you post first")
    asked.sendline("")
    asked.expect("your crontab")
    asked.sendline("y")
    asked.expect(pexpect.EOF)
    asked.wait()

    assert asked.exitstatus == 69
    assert crontab.read_text() == MINE
    assert "cannot reach PostgreSQL at 127.0.0.1:1" in shown.getvalue()
    assert "hunter2" not in shown.getvalue()


@pytest.mark.parametrize("answers", [0, 1, 2, 3])
def test_init__interrupted_while_it_asks_has_made_nothing(
    terminal: Terminal, crontab: Path, tmp_path: Path, answers: int
) -> None:
    before, asked = sorted(tmp_path.iterdir()), terminal()
    questions = ("URL of your PostgreSQL", "Time zone", "Where do you post first", "your crontab")
    for question in questions[: answers + 1]:
        asked.expect(question)
        asked.sendline("") if answers else None
        answers -= 1
    # Python loses a Ctrl-C that comes in the moment between its last look and the wait for a key.
    for _ in range(10):
        asked.sendintr()
        if asked.expect(["interrupted", pexpect.TIMEOUT], timeout=3) == 0:
            break
    asked.expect(pexpect.EOF)
    asked.wait()

    assert asked.exitstatus == 75
    assert sorted(tmp_path.iterdir()) == before
    assert crontab.read_text() == MINE


def test_init__asks_nothing_that_is_known_and_nothing_with_no_input(
    terminal: Terminal, crontab: Path, empty_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(f"{empty_database_url}\n")

    ran = terminal("--no-input", "--database-url-file", "url", "--tz", "Asia/Tokyo", "--platform", "bluesky")
    ran.expect(pexpect.EOF)
    ran.wait()

    assert ran.exitstatus == 0
    assert "?" not in str(ran.before)
    assert "accounts add bluesky" in str(ran.before)
    assert crontab.read_text() == MINE

    again = terminal("--platform", "bluesky", "--no-install-crontab")
    again.expect(pexpect.EOF)
    again.wait()

    assert "up to date" in str(again.before)
    assert "?" not in str(again.before)


def test_init__that_dies_before_it_writes_is_finished_by_the_next(
    given: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("socialcron.commands.init.write_env", dies)
        assert given("init", "--tz", "Asia/Tokyo").exit_code == 75
    assert not (tmp_path / ".env").exists()

    again = given("init", "--tz", "Asia/Tokyo", "--json")

    assert (again.exit_code, again.data["key_made"], again.data["applied"]) == (0, True, [])
    assert given("db", "check").exit_code == 0


# --- by options --------------------------------------------------------------------------------------------------


def test_init__names_the_file_with_the_url_in_env(
    bare_cli: Cli, empty_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(f"{empty_database_url}\n")

    assert bare_cli("init", "--database-url-file", "url", "--tz", "Asia/Tokyo").exit_code == 0
    assert bare_cli("init", "--database-url-file", "url", "--tz", "Asia/Tokyo").exit_code == 0

    text = (tmp_path / ".env").read_text()
    assert f"DATABASE_URL_FILE={tmp_path / 'url'}\n" in text
    assert text.count("\n") == 3, "once each"
    assert empty_database_url not in text
    assert bare_cli("db", "check").exit_code == 0


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("postgresql://me:hunter2hunter2@127.0.0.1:1/nowhere", 69, "cannot reach PostgreSQL"),
        ("mysql://me:hunter2hunter2@127.0.0.1/app", 78, "not a PostgreSQL connection URL"),
        ("postgresql://me:hunter2@hunter2@127.0.0.1/app", 78, "bare special character"),
        ("", 78, "url is empty"),
        ("", 78, "postgresql://user@host:5432/database"),  # not with [hidden], as any password would be
    ],
)
def test_init__a_wrong_url_is_one_clear_error_and_nothing_is_written(
    bare_cli: Cli, crontab: Path, tmp_path: Path, url: str, code: int, said: str
) -> None:
    (tmp_path / "url").write_text(url)
    before = sorted(tmp_path.iterdir())

    ran = bare_cli("init", "--database-url-file", "url", "--tz", "Asia/Tokyo", "--install-crontab")

    assert ran.exit_code == code
    assert said in ran.stderr
    assert ran.stderr.count("Error: ") == 1
    assert "hunter2" not in ran.stderr
    assert sorted(tmp_path.iterdir()) == before
    assert crontab.read_text() == MINE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tz", "Mars/Base"], "there is no time zone 'Mars/Base'"),
        (["--platform", "myspace"], "there is no platform 'myspace'"),
        (["--database-url-file", "gone"], "cannot read gone"),
    ],
)
def test_init__refuses_what_makes_no_sense_before_it_makes_anything(
    bare_cli: Cli, tmp_path: Path, options: list[str], said: str
) -> None:
    ran = bare_cli("init", *options)

    assert ran.exit_code in (2, 78)
    assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_init__does_not_take_another_database_than_the_one_that_is_set(given: Cli, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql:///another")

    ran = given("init", "--database-url-file", "url")

    assert ran.exit_code == 2
    assert "another database is set already" in ran.stderr


@pytest.mark.parametrize(
    "value", ["plain", "with space", "a'b\\c", "$HOME #x", "postgresql://u:p%40@h/d?a=b"]
)
def test_env__is_read_back_as_it_was_written(clean_environment: object, tmp_path: Path, value: str) -> None:
    (tmp_path / ".env").write_text("# mine\nLOG_LEVEL=ERROR")

    assert write_env(tmp_path / ".env", {"SUPABASE_URL": value})

    assert Settings.load(tmp_path / ".env").supabase_url == value
    assert (tmp_path / ".env").read_text().startswith("# mine\nLOG_LEVEL=ERROR\n")


# --- the crontab -------------------------------------------------------------------------------------------------


def test_install_crontab__keeps_other_lines_and_can_be_repeated(given: Cli, crontab: Path) -> None:
    assert given("init", "--install-crontab", "--json").data["crontab_installed"]
    first = crontab.read_text()
    assert not given("init", "--install-crontab", "--json").data["crontab_installed"]

    assert crontab.read_text() == first
    assert first.startswith(MINE)
    assert first.count("socialcron ") >= len(JOBS)


def test_install_crontab__replaces_what_an_earlier_one_put_there(given: Cli, crontab: Path) -> None:
    given("init", "--install-crontab")
    whole = crontab.read_text()
    lines = [line for line in whole.splitlines() if "reset-ratelimits" not in line]
    crontab.write_text("\n".join([*lines, "0 0 * * * mine, below"]) + "\n")

    given("init", "--install-crontab")

    assert crontab.read_text() == whole + "0 0 * * * mine, below\n"


def test_install_crontab__works_where_there_is_none_yet(given: Cli, crontab: Path) -> None:
    crontab.unlink()

    assert given("init", "--install-crontab").exit_code == 0
    assert crontab.read_text().startswith("# socialcron in ")


def test_install_crontab__touches_nothing_when_the_crontab_cannot_be_read(
    given: Cli, crontab: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "crontab").write_text(
        "#!/bin/sh\necho 'you are not allowed to use this' >&2; exit 1\n"
    )

    ran = given("init", "--install-crontab")

    assert ran.exit_code == 69
    assert "you are not allowed to use this" in ran.stderr
    assert crontab.read_text() == MINE
    assert key_in(tmp_path / ".env")


def test_lines__escape_what_cron_takes_for_the_end_of_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "100% mine").mkdir()
    monkeypatch.chdir(tmp_path / "100% mine")

    assert all(r"/100\% mine' && " in line for line in lines(None))
