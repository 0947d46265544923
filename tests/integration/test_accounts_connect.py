"""`accounts connect` against the sandbox: a thread plays the browser and the person in it, who says yes."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

import pytest

from socialcron.batches import authorizing
from socialcron.batches.apps import APPS, app_variables
from socialcron.batches.connecting import accept_credentials
from socialcron.platforms import registry
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from socialcron.store.secrets import KeyRing
from tests.conftest import Cli, Ran
from tests.world import World

AUTHORIZING = [name for name in registry.names() if registry.declaration(name).authorization is not None]
OTHERS = [name for name in registry.names() if registry.declaration(name).authorization is None]


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def redirected(url: str) -> str:
    """Where the platform sends the browser that opens this address."""
    with pytest.raises(HTTPError) as caught:
        build_opener(ProxyHandler({}), _Stay).open(url, timeout=10)
    location = caught.value.headers["Location"]
    assert location, f"HTTP {caught.value.code}: {caught.value.read()!r}"
    return str(location)


def visit(url: str) -> tuple[int, str]:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as exc:
        return exc.code, exc.read().decode()


@dataclass
class Browser:
    """Goes where it is sent, in a thread. on_the_way: what becomes of the address it is sent back to."""

    on_the_way: Callable[[str], list[str]] = lambda address: [address]
    opened: list[str] = field(default_factory=list)
    pages: list[tuple[int, str]] = field(default_factory=list)
    thread: threading.Thread | None = None

    def open(self, url: str) -> bool:
        self.opened.append(url)
        self.thread = threading.Thread(target=self._go, args=(url,))
        self.thread.start()
        return True

    def _go(self, url: str) -> None:
        for address in self.on_the_way(redirected(url)):
            self.pages.append(visit(address))


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    browser = Browser()
    monkeypatch.setattr("webbrowser.open", browser.open)
    monkeypatch.setenv("BROWSER", "a thread")
    yield browser
    if browser.thread:
        browser.thread.join()


@pytest.fixture(autouse=True)
def apps(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for platform in APPS:
        for variable, value in zip(app_variables(platform), (CLIENT_ID, CLIENT_SECRET), strict=True):
            monkeypatch.setenv(variable, value)


def connect(cli: Cli, world: World, platform: str, *options: str) -> Ran:
    address = ("--set", f"base_url={world.sandbox.url(platform)}", "--redirect-port", "0")
    return cli("accounts", "connect", platform, *address, *options, "--json")


def stored(world: World) -> list[tuple[Any, ...]]:
    rows = world.db.connection.execute(
        "SELECT id, platform, handle, external_id, status, token_version, token_expires_at, refresh_expires_at,"
        " settings, credentials FROM socialcron.accounts ORDER BY id"
    )
    return rows.fetchall()


# --- every platform ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", AUTHORIZING)
def test_connect__works_from_consent_to_a_token_that_can_be_used_and_renewed(
    cli: Cli, world: World, browser: Browser, platform: str
) -> None:
    made = world.sandbox.account(platform, "alice")

    ran = connect(cli, world, platform, "--all")

    assert ran.exit_code == 0, (ran.stdout, ran.stderr)
    assert browser.pages[0][0] == 200
    (account,) = ran.data["accounts"]
    assert (account["platform"], account["outcome"], account["status"]) == (platform, "new", "active")
    assert account["not_granted"] == []
    row = stored(world)[0]
    assert (row[0], row[1], row[3]) == (account["id"], platform, account["external_id"])
    assert str(made["external_id"]) in account["external_id"]
    credentials = KeyRing(world.settings.secret_key).decrypt(row[9], account_id=row[0])
    assert accept_credentials(platform, credentials).credentials == {
        name: value for name, value in credentials.items() if name != "expires_at"
    }
    for secret in [value for name, value in credentials.items() if "token" in name or "secret" in name]:
        assert secret not in ran.stdout + ran.stderr
    tested = cli("accounts", "test", account["id"], "--json")
    assert (tested.data["ok"], tested.data["external_id"]) == (True, account["external_id"]), tested.stdout
    if registry.adapter(platform).can_refresh(credentials):
        world.pass_time(minutes=5)
        refreshed = cli("accounts", "refresh", account["id"], "--json")
        assert refreshed.data["refreshed"] == 1, refreshed.stdout
        assert cli("accounts", "test", account["id"], "--json").data["ok"] is True


@pytest.mark.parametrize("platform", AUTHORIZING)
def test_connect__asks_for_the_declared_scopes_and_proves_itself_as_declared(
    cli: Cli, world: World, browser: Browser, platform: str
) -> None:
    world.sandbox.account(platform, "alice")
    declared = registry.declaration(platform).authorization
    assert declared is not None

    connect(cli, world, platform, "--all")

    asked = {name: values[0] for name, values in parse_qs(urlsplit(browser.opened[0]).query).items()}
    assert asked["scope"].split(declared.scope_separator) == list(declared.scopes)
    assert asked["response_type"] == "code"
    assert len(asked["state"]) >= 32
    assert asked.get("code_challenge_method") == (declared.pkce and "S256")
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert declared.client_parameter in asked
    assert declared.client_parameter == "client_id" or "client_id" not in asked
    assert declared.parameters.items() <= asked.items()


@pytest.mark.parametrize("platform", AUTHORIZING)
def test_connect__a_code_that_is_over_or_refused_is_one_clear_error(
    cli: Cli, world: World, browser: Browser, platform: str
) -> None:
    world.sandbox.account(platform, "alice")

    def take_long(address: str) -> list[str]:
        world.sandbox.advance(3600)
        return [address]

    browser.on_the_way = take_long
    ran = connect(cli, world, platform, "--all")

    assert (ran.exit_code, ran.error["code"]) == (1, "refused"), ran.stdout
    assert stored(world) == []
    code = parse_qs(urlsplit(browser.opened[0]).query)["state"][0]
    assert code not in ran.stdout


@pytest.mark.parametrize("platform", OTHERS)
def test_connect__names_the_way_of_platforms_without_a_consent_page(cli: Cli, platform: str) -> None:
    ran = cli("accounts", "connect", platform, "--json")

    assert ran.exit_code == 2
    assert f"socialcron accounts add {platform} --handle NAME" in ran.error["hint"]
    for form in registry.declaration(platform).credentials:
        assert all(key in ran.error["hint"] for key in form.required)


@pytest.mark.parametrize("platform", [name for name in AUTHORIZING if name != "mastodon"])
def test_connect__says_which_variables_hold_the_app(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    variables = app_variables(platform)
    assert len(variables) == 2
    for variable in variables:
        monkeypatch.delenv(variable)

    ran = cli("accounts", "connect", platform, "--json")

    assert ran.exit_code == 78
    assert all(variable in ran.error["hint"] for variable in variables)
    assert "http://127.0.0.1:8734/" in ran.error["hint"]
