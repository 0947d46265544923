from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.conftest import Cli
from tests.integration.test_embedded import remove


def key_in(path: Path) -> str:
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("SOCIALCRON_SECRET_KEY=")]
    return line.partition("=")[2]


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


def test_init__shows_two_lines_for_crontab(given: Cli, tmp_path: Path) -> None:
    ran = given("init")

    lines = [line.strip() for line in ran.stdout.splitlines() if line.startswith("  *")]
    assert lines[0].startswith("* * * * * cd ")
    assert lines[0].endswith("post-due")
    assert len(lines) == 2


def test_init__says_what_to_do_when_the_key_cannot_be_written(given: Cli, tmp_path: Path) -> None:
    ran = given("init", "--env-file", tmp_path / "no" / "such" / "directory.env")

    assert ran.exit_code == 78
    assert "cannot write the new SOCIALCRON_SECRET_KEY" in ran.stderr
    assert "Fernet.generate_key()" in ran.stderr


def test_init__the_cron_lines_name_a_home_that_only_this_shell_knows(bare_cli: Cli, tmp_path: Path) -> None:
    ran = bare_cli("init", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert all(f" SOCIALCRON_HOME={tmp_path / 'home'} " in line for line in ran.data["crontab"])
