"""`accounts refresh`: tokens are renewed in time, whether or not their accounts have anything to post."""

from __future__ import annotations

from typing import Any

import pytest

from socialcron.store.secrets import KeyRing
from tests.conftest import Cli
from tests.world import World


def account_row(world: World, account: int, *columns: str) -> tuple[Any, ...]:
    row = world.db.connection.execute(
        f"SELECT {', '.join(columns)} FROM socialcron.accounts WHERE id = %s".encode(), (account,)
    ).fetchone()
    assert row is not None
    return tuple(row)


def ends_in(world: World, account: int, interval: str, column: str = "token_expires_at") -> None:
    world.run(f"UPDATE socialcron.accounts SET {column} = now() + interval '{interval}' WHERE id = {account}")


@pytest.fixture
def x(world: World) -> int:
    account = world.account("x", auth="oauth2")
    ends_in(world, account, "1 hour")
    return account


def test_refresh__is_silent_when_nothing_ends_soon(cli: Cli, world: World, x: int) -> None:
    world.account("stub", "idle")
    world.account("mastodon")
    ran = cli("accounts", "refresh")
    assert (ran.exit_code, ran.stdout) == (0, "")
    data = cli("accounts", "refresh", "--json").data
    assert (data["refreshed"], data["accounts"]) == (0, [])
    (run,) = cli("status", "--json").data["runs"]
    assert (run["command"], run["idle"]) == ("accounts refresh", True)


def test_refresh__renews_an_idle_account_in_time(cli: Cli, world: World, x: int) -> None:
    ends_in(world, x, "1 minute")
    version = account_row(world, x, "token_version")[0]

    ran = cli("accounts", "refresh")

    assert (ran.exit_code, ran.stdout.count("\n")) == (0, 1)
    assert ran.stdout.startswith(f"account {x} (x me): renewed, good until ")
    assert account_row(world, x, "token_version", "status") == (version + 1, "active")
    (run,) = cli("status", "--json").data["runs"]
    assert (run["command"], run["outcome"]["refreshed"], run["exit_code"]) == ("accounts refresh", 1, 0)
    assert cli("accounts", "test", x, "--json").data["ok"] is True


def test_refresh__makes_the_first_session_of_an_account_that_never_posted(cli: Cli, world: World) -> None:
    account = world.account("bluesky")
    assert cli("accounts", "refresh", "--json").data["refreshed"] == 1
    sealed = account_row(world, account, "credentials")[0]
    assert "access_token" in KeyRing(world.settings.secret_key).decrypt(sealed, account_id=account)


def test_refresh__keeps_a_long_lived_token_alive_that_renews_itself(cli: Cli, world: World) -> None:
    """An Instagram token lives 60 days, and once it is over nothing renews it."""
    account = world.account("instagram")
    ends_in(world, account, "5 days")
    ends_in(world, account, "5 days", "refresh_expires_at")
    world.sandbox.advance(2 * 86_400)

    assert cli("accounts", "refresh", "--json").data["refreshed"] == 1

    left = "token_expires_at > now() + interval '50 days'"
    assert account_row(world, account, left, left.replace("token", "refresh")) == (True, True)


def test_refresh__uses_a_refresh_token_that_would_end_unused(cli: Cli, world: World, x: int) -> None:
    ends_in(world, x, "6 days", "refresh_expires_at")
    assert cli("accounts", "refresh", "--json").data["refreshed"] == 1


@pytest.mark.parametrize(("days", "refreshed"), [("0.01", 0), ("0.1", 1)])
def test_refresh__expiring_looks_further_ahead(
    cli: Cli, world: World, x: int, days: str, refreshed: int
) -> None:
    assert cli("accounts", "refresh", "--expiring", days, "--json").data["refreshed"] == refreshed


def test_refresh__all_leaves_those_that_cannot_be_renewed(cli: Cli, world: World, x: int) -> None:
    world.account("mastodon")
    world.account("stub", "idle")
    ran = cli("accounts", "refresh", "--all", "--strict", "--json")
    assert (ran.exit_code, ran.data["refreshed"], ran.data["fixed"]) == (0, 1, 1)
    world.pass_time(minutes=5)
    assert cli("accounts", "refresh", "--all").stdout.count("\n") == 1


def test_refresh__an_id_is_refreshed_whenever_it_ends(cli: Cli, world: World, x: int) -> None:
    other = world.account("x", "other", auth="oauth2")
    ran = cli("accounts", "refresh", other, other, "--json")
    assert [(found["id"], found["outcome"]) for found in ran.data["accounts"]] == [(other, "refreshed")]


def test_refresh__not_again_within_a_minute(cli: Cli, world: World, x: int) -> None:
    assert cli("accounts", "refresh", x, "--json").data["refreshed"] == 1
    ran = cli("accounts", "refresh", x, "--json")
    assert (ran.exit_code, ran.data["fresh"]) == (0, 1)
    assert world.sandbox.platforms["x"].requests["POST /2/oauth2/token"] == 1


def test_refresh__a_token_that_nothing_renews_is_a_person_s_matter_with_a_date(
    cli: Cli, world: World
) -> None:
    account = world.account("mastodon")
    ends_in(world, account, "2 days")
    ends_in(world, account, "2 days", "refresh_expires_at")

    ran = cli("accounts", "refresh")
    assert ran.exit_code == 0
    assert ran.stdout.startswith(
        f"account {account} (mastodon me): cannot be renewed; a person must connect it again by 20"
    )
    assert cli("accounts", "refresh", "--strict").exit_code == 1
    assert cli("accounts", "refresh", account).exit_code == 1


def test_refresh__trouble_that_may_pass_changes_nothing(cli: Cli, world: World, x: int) -> None:
    world.sandbox.fault("5xx", path="oauth2/token", count=1)
    ran = cli("accounts", "refresh", "--all", "--strict", "--json")
    assert (ran.exit_code, ran.data["failed"], ran.data["accounts"][0]["outcome"]) == (1, 1, "failed")
    assert account_row(world, x, "status", "refresh_until") == ("active", None)
    assert cli("accounts", "refresh", "--all", "--json").data["refreshed"] == 1


@pytest.mark.parametrize(("left", "status"), [("1 minute", "needs_reconnect"), ("1 hour", "active")])
def test_refresh__a_refused_token_disconnects_only_when_the_old_one_is_over_too(
    cli: Cli, world: World, x: int, left: str, status: str
) -> None:
    ends_in(world, x, left)
    tokens = world.sandbox.platforms["x"].tokens
    for value in [value for value, token in tokens.items() if token.kind == "refresh"]:
        del tokens[value]

    ran = cli("accounts", "refresh", "--expiring", "1", "--json")

    assert (ran.exit_code, ran.data["lost"]) == (0, 1)
    assert account_row(world, x, "status")[0] == status
    assert ran.data["accounts"][0]["error"]


def test_refresh__one_bad_account_does_not_stop_the_others(cli: Cli, world: World, x: int) -> None:
    good = world.account("x", "good", auth="oauth2")
    world.sandbox.fault("5xx", platform="x", path="oauth2/token", count=1)
    data = cli("accounts", "refresh", "--all", "--json").data
    assert (data["refreshed"], data["failed"]) == (1, 1)
    assert {found["id"] for found in data["accounts"]} == {x, good}


def test_refresh__says_why_a_stopped_account_is_not_refreshed(cli: Cli, world: World, x: int) -> None:
    for status, outcome in (("disabled", "off"), ("needs_reconnect", "lost")):
        world.run(f"UPDATE socialcron.accounts SET status = '{status}'")
        ran = cli("accounts", "refresh", x, "--json")
        assert (ran.exit_code, ran.data["accounts"][0]["outcome"]) == (1, outcome)
        assert cli("accounts", "refresh", "--all", "--json").data["accounts"] == []


def test_refresh__refuses_what_cannot_be(cli: Cli, world: World, x: int) -> None:
    assert cli("accounts", "refresh", 99, "--json").exit_code == 2
    assert cli("accounts", "refresh", x, "--all", "--json").exit_code == 2
    assert cli("accounts", "refresh", "--expiring", "3", "--all", "--json").exit_code == 2


def test_refresh__says_when_no_key_opens_the_credentials(
    cli: Cli, world: World, x: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from socialcron.store.secrets import new_key

    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", new_key())
    assert cli("accounts", "refresh", "--all", "--json").exit_code == 78


# --- what is shown -----------------------------------------------------------------------------------------------


def test_list_show_and_test__say_by_when_a_person_must_reconnect(cli: Cli, world: World, x: int) -> None:
    world.run("UPDATE socialcron.accounts SET refresh_expires_at = '2027-05-01T10:00Z'")

    assert "2027-05-01" in cli("accounts", "list").stdout
    words = "a person must connect it again by 2027-05-01 10:00:00 UTC, unless its tokens are renewed before"
    assert words in " ".join(cli("accounts", "show", x).stdout.split())
    tested = cli("accounts", "test", x, "--json").data
    assert tested["notes"] == [words]
    assert tested["refresh_expires_at"].startswith("2027-05-01T10:00:00")
    assert tested["token_expires_at"]
    assert words in cli("accounts", "test", x).stdout


def test_list__stays_readable_on_80_columns(
    cli: Cli, world: World, x: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    world.run(
        "UPDATE socialcron.accounts SET refresh_expires_at = '2027-05-01T10:00Z', last_error = 'HTTP 401: ' || "
        "repeat('gone ', 20), handle = '@a_rather_long_handle_here', status = 'needs_reconnect', "
        'settings = settings || \'{"app": "shop"}\''
    )
    shown = cli("accounts", "list").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "needs_reconnect" in shown
    assert "2027-05-01" in shown
    assert "shop" in shown


def test_refresh__leaves_a_token_in_the_first_half_of_its_life(cli: Cli, world: World) -> None:
    """Instagram's are renewed ten days early; one that lives for less than that would be renewed in every run."""
    account = world.account("instagram")
    ends_in(world, account, "3 days")
    world.run("UPDATE socialcron.accounts SET refreshed_at = now() - interval '1 day'")
    assert cli("accounts", "refresh", "--json").data["accounts"] == []
    world.run("UPDATE socialcron.accounts SET refreshed_at = now() - interval '4 days'")
    world.sandbox.advance(2 * 86_400)
    assert cli("accounts", "refresh", "--json").data["refreshed"] == 1
