from __future__ import annotations

import pytest

from socialcron.store.engine import Database
from tests.conftest import Cli


@pytest.fixture
def limits(cli: Cli, db: Database) -> None:
    """One limit that is over, one that is not, and our own pace; the account is blocked by the second."""
    cli("accounts", "add", "stub", "--handle", "me")
    db.connection.execute(
        """INSERT INTO socialcron.rate_limits
                  (key, platform, account_id, family, remaining, reset_at, blocked_until, tat)
           VALUES ('over', 'stub', 1, 'read', 0, now() - interval '1 s', NULL, now()),
                  ('open', 'stub', 1, 'publish', 0, now() + interval '1 h', now() + interval '1 h', now()),
                  ('pace', 'stub', NULL, 'metrics', NULL, NULL, NULL, now() + interval '1 min')"""
    )
    db.connection.execute("UPDATE socialcron.accounts SET blocked_until = now() + interval '1 h'")


def open_limits(db: Database) -> list[str]:
    rows = db.connection.execute(
        "SELECT key FROM socialcron.rate_limits WHERE remaining IS NOT NULL ORDER BY key"
    )
    return [row[0] for row in rows]


def test_reset_ratelimits__clears_windows_that_have_passed(cli: Cli, db: Database, limits: None) -> None:
    ran = cli("reset-ratelimits", "--json")
    assert (ran.exit_code, ran.data) == (0, {"reset": 1})
    assert open_limits(db) == ["open"]
    assert db.connection.execute("SELECT blocked_until FROM socialcron.accounts").fetchone() != (None,)


def test_reset_ratelimits__all_wipes_everything_but_our_own_pace(
    cli: Cli, db: Database, limits: None
) -> None:
    ran = cli("reset-ratelimits", "--all")
    assert ran.stdout == "2 rate limits reset\n"
    assert open_limits(db) == []
    account = "SELECT blocked_until <= now(), next_due_at <= now() FROM socialcron.accounts"
    assert db.connection.execute(account).fetchone() == (True, True)
    pace = "SELECT tat > now() FROM socialcron.rate_limits WHERE key = 'pace'"
    assert db.connection.execute(pace).fetchone() == (True,)


def test_reset_ratelimits__prints_nothing_when_there_is_nothing_and_leaves_a_sign_of_life(
    cli: Cli, db: Database
) -> None:
    silent = cli("reset-ratelimits")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "", "")
    assert cli("reset-ratelimits", "--json").data == {"reset": 0}
    rows = db.connection.execute("SELECT command, idle FROM socialcron.runs").fetchall()
    assert rows == [("reset-ratelimits", True)]


def test_reset_ratelimits__records_what_it_did(cli: Cli, db: Database, limits: None) -> None:
    cli("reset-ratelimits")
    row = db.connection.execute("SELECT command, idle, exit_code, outcome FROM socialcron.runs").fetchone()
    assert row == ("reset-ratelimits", False, 0, {"reset": 1})


@pytest.mark.direct("the pooler's connections know the database's old setting")
def test_reset_ratelimits__says_69_on_a_read_only_database(cli: Cli, db: Database, limits: None) -> None:
    name = db.connection.info.dbname
    db.connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
    assert cli("reset-ratelimits", "--json").exit_code == 69
