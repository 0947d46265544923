"""Tokens: refreshed before they end and when refused, stored before they are used, never by two at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from socialcron.platforms.x import X
from socialcron.store import tokens
from socialcron.store.secrets import KeyRing
from tests.conftest import Cli
from tests.world import World


def credentials(world: World) -> dict[str, Any]:
    sealed = world.value("SELECT credentials FROM socialcron.accounts")
    return KeyRing(world.settings.secret_key).decrypt(sealed, account_id=1)


def account_row(world: World, *columns: str) -> tuple[Any, ...]:
    row = world.db.connection.execute(
        f"SELECT {', '.join(columns)} FROM socialcron.accounts".encode()
    ).fetchone()
    assert row is not None
    return tuple(row)


def refreshes(world: World, platform: str) -> int:
    counts = world.sandbox.state(platform)["platforms"][platform]["requests"]
    return sum(n for name, n in counts.items() if "oauth2/token" in name or "refreshSession" in name)


def test_bluesky__the_first_run_makes_a_session_and_keeps_it(world: World, cli: Cli) -> None:
    account = world.account("bluesky")
    world.post(account, "one")
    assert cli("post-due", "--json").data["posted"] == 1
    world.post(account, "two")
    assert cli("post-due", "--json").data["posted"] == 1

    requests = world.sandbox.state("bluesky")["platforms"]["bluesky"]["requests"]
    assert sum(n for name, n in requests.items() if "createSession" in name) == 1
    assert {"access_token", "refresh_token", "did", "password"} <= credentials(world).keys()
    assert account_row(world, "token_version")[0] == 1


@pytest.mark.parametrize("platform", ["bluesky", "x"])
def test_an_expired_token__is_refreshed_once_and_the_post_goes_out(
    world: World, cli: Cli, platform: str
) -> None:
    options: dict[str, Any] = {"auth": "oauth2"} if platform == "x" else {}
    account = world.account(platform, **options)
    world.post(account, "one")
    assert cli("post-due", "--json").data["posted"] == 1
    before = account_row(world, "token_version")[0]
    world.run("UPDATE socialcron.accounts SET refreshed_at = now() - interval '1 hour'")
    post = world.post(account, "two")
    world.sandbox.fault("expired_token", platform=platform, count=1)

    ran = cli("post-due", "--json")

    assert ran.data["posted"] == 1, ran.stderr
    assert world.row(post)["attempt"] == 1
    assert account_row(world, "token_version", "status") == (before + 1, "active")


def test_a_token_refused_at_the_visible_write__is_refreshed_and_the_step_sent_again(
    world: World, cli: Cli
) -> None:
    account = world.account("x", auth="oauth2")
    post = world.post(account, "one")
    world.sandbox.fault("expired_token", visible_only=True, count=1)

    ran = cli("post-due", "--json")

    assert ran.data["posted"] == 1, ran.stderr
    assert [attempt["phase"] for attempt in world.attempts(post)] == ["refused", "confirmed"]
    assert len(world.sandbox.posts("x")) == 1


def test_a_token_about_to_end__is_refreshed_before_it_is_used(world: World, cli: Cli) -> None:
    account = world.account("x", auth="oauth2")
    world.run("UPDATE socialcron.accounts SET token_expires_at = now() + interval '1 minute'")
    world.post(account)
    old = credentials(world)

    assert cli("post-due", "--json").data["posted"] == 1

    assert refreshes(world, "x") == 1
    assert credentials(world)["refresh_token"] != old["refresh_token"]


def test_a_refused_refresh_token__disconnects_the_account(world: World, cli: Cli) -> None:
    account = world.account("x", auth="oauth2")
    world.run("UPDATE socialcron.accounts SET token_expires_at = now()")
    world.sandbox.platforms["x"].tokens.clear()
    post = world.post(account)

    assert cli("post-due", "--json").data["failed"] == 1

    assert account_row(world, "status", "refresh_claim") == ("needs_reconnect", None)
    assert world.row(post)["error_class"] == "auth_expired"


def test_transient_trouble_in_a_refresh__never_disconnects(world: World, cli: Cli) -> None:
    account = world.account("x", auth="oauth2")
    world.run("UPDATE socialcron.accounts SET token_expires_at = now()")
    world.post(account)
    world.sandbox.fault("5xx", path="oauth2/token", count=1)

    assert cli("post-due", "--json").data["retried"] == 1
    assert account_row(world, "status", "refresh_until") == ("active", None)
    world.pass_time(3)
    assert cli("post-due", "--json").data["posted"] == 1


def test_newer_tokens_stored_by_somebody_else__are_used_and_nobody_is_disconnected(
    world: World, cli: Cli
) -> None:
    """Our run read version 0; meanwhile the account was reconnected: the old token's refusal says nothing."""
    account = world.account("mastodon")
    world.post(account)
    world.sandbox.platforms["mastodon"].tokens.clear()
    world.run("UPDATE socialcron.accounts SET token_version = 7")
    assert not tokens.disconnect_account(world.db, account_id=account, token_version=6, error="refused")
    assert account_row(world, "status")[0] == "active"


def test_stored_tokens__win_whether_or_not_the_refresh_lease_is_still_ours(world: World) -> None:
    account = world.account("x", auth="oauth2")
    mine, other = uuid4(), uuid4()
    claim: dict[str, Any] = {"account_id": account, "token_version": 0, "minimum_seconds": 60.0}
    assert tokens.claim_refresh(world.db, mine, **claim)
    assert not tokens.claim_refresh(world.db, other, **claim)
    world.run("UPDATE socialcron.accounts SET refresh_until = now() - interval '1 second'")
    assert tokens.claim_refresh(world.db, other, **claim)

    stored: dict[str, Any] = {"account_id": account, "token_version": 0, "expires_at": None}
    assert tokens.store_tokens(world.db, credentials="mine", **stored)
    assert not tokens.store_tokens(world.db, credentials="too late", **stored)
    assert account_row(world, "credentials", "token_version") == ("mine", 1)


def test_a_long_lived_token__is_renewed_in_good_time_and_not_in_every_run(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform's tokens live for two hours, and renewing begins far earlier: half of a life must go by."""
    monkeypatch.setattr(X, "declaration", replace(X.declaration, refresh_early_seconds=864_000.0))
    account = world.account("x", auth="oauth2")
    for left, renewed in (("119 minutes", 1), ("61 minutes", 1), ("59 minutes", 2)):
        if renewed > 1 or left.startswith("61"):
            world.run(
                "UPDATE socialcron.accounts SET refreshed_at = now() - interval '2 hours' + %s::interval,"
                " token_expires_at = now() + %s::interval",
                left,
                left,
            )
        else:
            world.run("UPDATE socialcron.accounts SET token_expires_at = now() + %s::interval", left)
        world.post(account, left)
        assert cli("post-due", "--json").data["posted"] == 1
        assert refreshes(world, "x") == renewed, left


def test_renewing_in_good_time__that_fails_changes_nothing(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(X, "declaration", replace(X.declaration, refresh_early_seconds=864_000.0))
    account = world.account("x", auth="oauth2")
    world.run("UPDATE socialcron.accounts SET token_expires_at = now() + interval '1 hour'")
    world.sandbox.fault("5xx", platform="x", path="oauth2/token")
    world.post(account, "one")
    world.post(account, "two")
    assert cli("post-due", "--json").data["posted"] == 2
    assert account_row(world, "status", "token_version") == ("active", 0)
    assert refreshes(world, "x") <= 1
