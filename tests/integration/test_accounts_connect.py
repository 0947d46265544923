"""`accounts connect` against the sandbox: a thread plays the browser and the person in it, who says yes."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

import pytest

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
    thread: threading.Thread | None = None
    _pages: list[tuple[int, str]] = field(default_factory=list)

    def open(self, url: str) -> bool:
        self.opened.append(url)
        self.thread = threading.Thread(target=self._go, args=(url,))
        self.thread.start()
        return True

    @property
    def pages(self) -> list[tuple[int, str]]:
        """Status and text of each page it ended at, once it has read them all: the command may be quicker."""
        if self.thread:
            self.thread.join()
        return self._pages

    def _go(self, url: str) -> None:
        for address in self.on_the_way(redirected(url)):
            self._pages.append(visit(address))


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


# --- the browser -------------------------------------------------------------------------------------------------


def test_connect__turns_away_answers_of_another_attempt_and_waits_on(
    cli: Cli, world: World, browser: Browser
) -> None:
    world.sandbox.account("x", "alice", auth="oauth2")

    def with_others_first(address: str) -> list[str]:
        page = address.partition("?")[0]
        return [f"{page}?code=stolen&state=guessed", f"{page}favicon.ico", page, address]

    browser.on_the_way = with_others_first
    ran = connect(cli, world, "x")

    assert ran.exit_code == 0, ran.stdout
    assert [status for status, _ in browser.pages] == [400, 404, 404, 200]
    assert "another attempt" in browser.pages[0][1]
    assert "close this window" in browser.pages[-1][1]
    assert ran.data["accounts"][0]["handle"] == "@alice"


@pytest.mark.parametrize("platform", ["x", "mastodon"])
def test_connect__tells_a_person_who_said_no_from_trouble(
    cli: Cli, world: World, browser: Browser, platform: str
) -> None:
    world.sandbox.settings(platform, consenting="nobody")

    ran = connect(cli, world, platform)

    assert (ran.exit_code, ran.error["code"]) == (1, "refused")
    assert "gave no access: access_denied" in ran.error["message"]
    assert browser.pages[0][0] == 200
    assert "No access given" in browser.pages[0][1]


def test_connect__names_what_the_app_lacks_when_the_platform_refuses_the_scopes(
    cli: Cli, world: World, browser: Browser
) -> None:
    world.sandbox.account("x", "alice")
    ran = connect(cli, world, "x", "--scopes", "everything")
    assert (ran.exit_code, ran.error["message"]) == (1, "X (Twitter) gave no access: invalid_scope")


@pytest.mark.parametrize("scopes", ["users.read, tweet.read", "users.read tweet.read"])
def test_connect__asks_for_other_scopes_if_told_to(
    cli: Cli, world: World, browser: Browser, scopes: str
) -> None:
    world.sandbox.account("x", "alice")
    ran = connect(cli, world, "x", "--scopes", scopes)
    assert ran.data["accounts"][0]["scopes"] == ["tweet.read", "users.read"]
    (row,) = stored(world)
    assert row[6] == row[7] is not None, "without offline.access a person is needed when the token ends"


def test_connect__says_which_scopes_were_not_granted(
    cli: Cli, world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person may untick some of what Google asks for."""
    made = world.sandbox.account("x", "alice")
    redeem = world.sandbox.platforms["x"].redeem  # type: ignore[attr-defined]

    def redeem_less(*given: Any) -> Any:
        code = redeem(*given)
        code.scopes -= {"media.write"}
        return code

    monkeypatch.setattr(world.sandbox.platforms["x"], "redeem", redeem_less)
    ran = connect(cli, world, "x")
    assert (ran.data["accounts"][0]["external_id"], ran.data["accounts"][0]["not_granted"]) == (
        made["external_id"],
        ["media.write"],
    )


def test_connect__stops_waiting_and_names_the_way_without_a_browser(
    cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    monkeypatch.setenv("BROWSER", "none that works")

    ran = connect(cli, world, "x", "--timeout", "1")

    assert (ran.exit_code, ran.error["code"]) == (69, "service_unavailable")
    assert "--no-browser" in ran.error["hint"]
    assert f"{world.sandbox.url('x')}/i/oauth2/authorize?" in ran.stderr


@pytest.mark.parametrize(
    "address",
    ["me.example", "ftp://a.example/", "http://127.0.0.1:99999/", "https://a.example/?a=b", "http://[", ""],
)
def test_connect__refuses_a_redirect_address_that_cannot_be(cli: Cli, world: World, address: str) -> None:
    ran = cli("accounts", "connect", "x", "--redirect-uri", address or "https:///", "--json")
    assert (ran.exit_code, ran.error["code"]) == (2, "usage")


def test_connect__says_when_the_port_is_taken(cli: Cli, world: World, browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = connect(cli, world, "x", "--redirect-port", str(port))

    assert ran.exit_code == 69
    assert f"port {port}" in ran.error["message"]
    assert "--redirect-port" in ran.error["hint"]
    assert browser.opened == []


@pytest.mark.parametrize("platform", ["x", "mastodon"])
def test_connect__says_when_the_platform_cannot_be_reached(
    cli: Cli, world: World, browser: Browser, platform: str
) -> None:
    world.sandbox.account(platform, "alice")
    for path in ("oauth2/token", "/apps"):
        world.sandbox.fault("drop_before", platform=platform, path=path)

    ran = connect(cli, world, platform)

    assert (ran.exit_code, ran.error["code"]) == (69, "service_unavailable"), ran.stdout
    assert stored(world) == []


def test_connect__goes_to_no_consent_page_that_others_could_read_along(cli: Cli) -> None:
    ran = cli("accounts", "connect", "x", "--set", "base_url=http://x.example", "--no-browser", "--json")
    assert (ran.exit_code, "https" in ran.error["hint"]) == (2, True)


def test_connect__asks_for_the_key_before_it_asks_a_person(
    cli: Cli, world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOCIALCRON_SECRET_KEY")
    assert connect(cli, world, "x").exit_code == 78
    assert browser.opened == []


def test_connect__opens_the_browser_of_the_host(
    world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    """Two real processes: ours, and the program that $BROWSER names."""
    world.sandbox.account("mastodon", "alice")
    script = tmp_path / "browse.py"
    script.write_text(
        "import sys, urllib.request\n"
        "print('Opening in existing browser session.', flush=True)\n"
        "urllib.request.urlopen(sys.argv[1], timeout=10).read()"
    )
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "socialcron", "accounts", "connect", "mastodon", "--json"),
            *("--set", f"base_url={world.sandbox.url('mastodon')}", "--redirect-port", "0"),
        ],
        env={**environment, "BROWSER": f"{sys.executable} {script} %s &", "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Opening in existing" in ran.stderr, "what it says is no part of our document"
    assert json.loads(ran.stdout)["data"]["accounts"][0]["handle"] == "@alice@127.0.0.1"


# --- without a browser -------------------------------------------------------------------------------------------


class Person:
    """On stdin: reads the address off stderr, opens it elsewhere, and pastes where it led."""

    def __init__(self, capsys: pytest.CaptureFixture[str], paste: Callable[[str], str]) -> None:
        self._capsys, self._paste = capsys, paste

    def readline(self) -> str:
        url = re.search(r"^http\S+$", self._capsys.readouterr().err, re.MULTILINE)
        assert url
        return self._paste(redirected(url[0])) + "\n"


Pasting = Callable[[Callable[[str], str]], None]


@pytest.fixture
def pasting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Pasting:
    return lambda paste: monkeypatch.setattr("sys.stdin", Person(capsys, paste))


@pytest.mark.parametrize("platform", ["x", "mastodon"])
def test_connect__takes_the_pasted_address(cli: Cli, world: World, pasting: Pasting, platform: str) -> None:
    world.sandbox.account(platform, "alice")
    pasting(lambda address: f"  {address}#_=_ ")
    ran = connect(cli, world, platform, "--no-browser")
    assert ran.exit_code == 0, ran.stdout
    assert ran.data["accounts"][0]["outcome"] == "new"


def test_connect__takes_an_address_of_another_host_by_paste(cli: Cli, world: World, pasting: Pasting) -> None:
    """Platforms that take no http://127.0.0.1 get an https page of the operator's own, which need not do anything."""
    world.sandbox.account("instagram", "alice")
    led_to = []

    def paste(address: str) -> str:
        led_to.append(address)
        return address

    pasting(paste)
    ran = connect(cli, world, "instagram", "--redirect-uri", "https://me.example/back")
    assert ran.exit_code == 0, ran.stdout
    assert led_to[0].startswith("https://me.example/back?")


def other_state(address: str) -> str:
    return re.sub("state=[^&]+", "state=another", address)


@pytest.mark.parametrize(
    ("paste", "words"),
    [
        (other_state, "another attempt"),
        (lambda address: address.partition("?")[0], "not the address"),
        (lambda address: parse_qs(urlsplit(address).query)["code"][0], "not the address"),
        (lambda address: re.sub("code=[^&]+&", "", address), "holds no code"),
        (lambda address: "http://[", "not the address"),
    ],
)
def test_connect__refuses_a_pasted_address_that_is_no_answer(
    cli: Cli, world: World, pasting: Pasting, paste: Callable[[str], str], words: str
) -> None:
    world.sandbox.account("x", "alice")
    pasting(paste)
    ran = connect(cli, world, "x", "--no-browser")
    assert (ran.exit_code, ran.error["code"]) == (65, "bad_input")
    assert words in ran.error["message"]
    assert world.sandbox.platforms["x"].requests["POST /2/oauth2/token"] == 0


def test_connect__says_when_nothing_was_pasted(
    cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert connect(cli, world, "x", "--no-browser").exit_code == 2


def test_connect__works_through_pipes_of_a_real_process(world: World, environment: dict[str, str]) -> None:
    world.sandbox.account("x", "alice")
    address = ("--set", f"base_url={world.sandbox.url('x')}")
    process = subprocess.Popen(
        [sys.executable, "-m", "socialcron", "accounts", "connect", "x", *address, "--json"],
        env={**environment, "X_CLIENT_ID": CLIENT_ID},  # no display, so it asks for the address by itself
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    url = next(line.strip() for line in process.stderr if line.startswith("http"))
    out, err = process.communicate(redirected(url) + "\n", timeout=60)

    assert process.returncode == 0, err
    assert json.loads(out)["data"]["accounts"][0]["handle"] == "@alice"
    credentials = KeyRing(world.settings.secret_key).decrypt(stored(world)[0][9], account_id=1)
    assert credentials["refresh_token"]


# --- which accounts ----------------------------------------------------------------------------------------------


@pytest.fixture
def two_pages(world: World) -> list[str]:
    return [str(world.sandbox.account("facebook", name)["external_id"]) for name in ("cafe", "bakery")]


def test_connect__lists_several_accounts_and_takes_none_unasked(
    cli: Cli, world: World, browser: Browser, two_pages: list[str]
) -> None:
    ran = connect(cli, world, "facebook")
    assert ran.exit_code == 2
    assert "--all" in ran.error["message"]
    assert all(page in ran.error["hint"] for page in two_pages)
    assert stored(world) == []


@pytest.mark.parametrize("by", ["id", "handle"])
def test_connect__takes_the_account_that_is_named(
    cli: Cli, world: World, browser: Browser, two_pages: list[str], by: str
) -> None:
    handle = {page["handle"].upper() for page in connect(cli, world, "facebook", "--all").data["accounts"]}
    world.run("DELETE FROM socialcron.accounts")
    name = two_pages[1] if by == "id" else next(name for name in handle if "BAKERY" in name)
    ran = connect(cli, world, "facebook", "--account", name)
    assert [account["external_id"] for account in ran.data["accounts"]] == [two_pages[1]]


def test_connect__refuses_an_account_that_is_not_offered(
    cli: Cli, world: World, browser: Browser, two_pages: list[str]
) -> None:
    ran = connect(cli, world, "facebook", "--account", two_pages[0], "--account", "77")
    assert (ran.exit_code, "'77'" in ran.error["message"]) == (2, True)
    assert stored(world) == []


def test_connect__lets_a_person_choose_by_number(
    cli: Cli, world: World, browser: Browser, two_pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["", "3", "0 1", "2"])
    monkeypatch.setattr("socialcron.commands.accounts.is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    address = ("--set", f"base_url={world.sandbox.url('facebook')}", "--redirect-port", "0")
    ran = cli("accounts", "connect", "facebook", *address)
    assert ran.exit_code == 0, ran.stderr
    assert [row[3] for row in stored(world)] == [two_pages[1]]
    assert ran.stdout.startswith("connected facebook account ")


def test_connect__takes_all_of_them(cli: Cli, world: World, browser: Browser, two_pages: list[str]) -> None:
    connect(cli, world, "facebook", "--all")
    assert sorted(row[3] for row in stored(world)) == sorted(two_pages)


# --- again -------------------------------------------------------------------------------------------------------


def test_connect__gives_a_connected_account_new_tokens_and_lets_it_post_again(
    cli: Cli, world: World, browser: Browser
) -> None:
    account = world.account("x", "alice", auth="oauth2", settings={"text_limit": "4000", "app": "old"})
    world.run("UPDATE socialcron.accounts SET status = 'needs_reconnect', last_error = 'refused'")
    world.sandbox.platforms["x"].tokens.clear()

    ran = connect(cli, world, "x")

    (made,) = ran.data["accounts"]
    assert (made["id"], made["outcome"], made["status"]) == (account, "updated", "active")
    (row,) = stored(world)
    assert (row[2], row[5]) == ("@alice", 1)
    assert row[8] == {"base_url": world.sandbox.url("x"), "text_limit": "4000"}
    world.post(account)
    assert cli("post-due", "--json").data["posted"] == 1


def test_connect__takes_over_an_account_that_was_added_by_its_handle(
    cli: Cli, world: World, browser: Browser
) -> None:
    account = world.account("x", "Alice")
    world.sandbox.platforms["x"].accounts.clear()
    world.run("UPDATE socialcron.accounts SET external_id = NULL")
    made = world.sandbox.account("x", "alice", auth="oauth2")

    ran = connect(cli, world, "x")

    assert ran.data["accounts"][0]["id"] == account
    assert stored(world)[0][3] == made["external_id"]


def test_connect__keeps_the_settings_a_person_chose_before_those_the_platform_suggests(
    cli: Cli, world: World, browser: Browser
) -> None:
    """Pinterest's only board is a suggestion."""
    world.sandbox.account("pinterest", "alice")
    connect(cli, world, "pinterest")
    suggested = stored(world)[0][8]["board_id"]
    world.run('UPDATE socialcron.accounts SET settings = settings || \'{"board_id": "77"}\'')

    connect(cli, world, "pinterest")
    assert stored(world)[0][8]["board_id"] == "77"
    connect(cli, world, "pinterest", "--set", f"board_id={suggested}")
    assert stored(world)[0][8]["board_id"] == suggested


def test_connect__leaves_a_disabled_account_disabled_and_says_so(
    cli: Cli, world: World, browser: Browser
) -> None:
    account = world.account("x", "alice", auth="oauth2")
    world.run("UPDATE socialcron.accounts SET status = 'disabled'")
    address = ("--set", f"base_url={world.sandbox.url('x')}", "--redirect-port", "0")
    ran = cli("accounts", "connect", "x", *address)
    assert f"which is disabled: `socialcron accounts enable {account}`" in ran.stdout


def test_connect__never_gives_an_account_of_another_server_the_tokens_of_this_one(
    cli: Cli, world: World, browser: Browser
) -> None:
    account = world.account("mastodon", "alice")
    world.run(
        "UPDATE socialcron.accounts SET settings = jsonb_build_object('base_url', 'https://other.example')"
    )

    ran = connect(cli, world, "mastodon")

    assert ran.exit_code == 65
    assert f"that of account {account}, whose base_url is another" in ran.error["problems"][0]
    assert stored(world)[0][5] == 0


def test_connect__acts_as_a_named_app_and_remembers_it(
    cli: Cli, world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.sandbox.account("x", "alice", auth="oauth2")
    monkeypatch.setenv("X_CLIENT_ID", "wrong-client")
    monkeypatch.setenv("SOCIALCRON_APP_MY_SHOP_CLIENT_ID", CLIENT_ID)
    (tmp_path / "secret").write_text(CLIENT_SECRET)
    monkeypatch.setenv("SOCIALCRON_APP_MY_SHOP_CLIENT_SECRET_FILE", str(tmp_path / "secret"))

    account = connect(cli, world, "x", "--app", "my-shop").data["accounts"][0]["id"]

    assert stored(world)[0][8]["app"] == "my-shop"
    assert cli("accounts", "refresh", account, "--json").data["refreshed"] == 1
    world.pass_time(minutes=5)
    monkeypatch.delenv("SOCIALCRON_APP_MY_SHOP_CLIENT_ID")
    ran = cli("accounts", "refresh", account, "--json")
    assert (ran.exit_code, ran.data["accounts"][0]["outcome"]) == (1, "failed")
    assert "SOCIALCRON_APP_MY_SHOP_CLIENT_ID" in ran.data["accounts"][0]["hint"]
    assert stored(world)[0][4] == "active"


def test_connect__names_the_variables_of_an_app_that_is_not_known(cli: Cli, world: World) -> None:
    ran = connect(cli, world, "x", "--app", "shop")
    assert ran.exit_code == 78
    assert ran.error["hint"] == "Set SOCIALCRON_APP_SHOP_CLIENT_ID and SOCIALCRON_APP_SHOP_CLIENT_SECRET."


def test_connect__registers_an_app_on_each_mastodon_server(cli: Cli, world: World, browser: Browser) -> None:
    world.sandbox.account("mastodon", "alice")

    connect(cli, world, "mastodon")

    credentials = KeyRing(world.settings.secret_key).decrypt(stored(world)[0][9], account_id=1)
    app = world.sandbox.platforms["mastodon"].apps[credentials["client_id"]]  # type: ignore[attr-defined]
    assert app.secret == credentials["client_secret"]
    assert urlencode({"redirect_uri": next(iter(app.redirect_uris))}) in browser.opened[0]


@pytest.mark.parametrize("platform", AUTHORIZING)
def test_connect__works_on_a_fresh_sandbox_that_has_no_accounts(
    cli: Cli, world: World, browser: Browser, platform: str
) -> None:
    ran = connect(cli, world, platform, "--all")
    assert [account["outcome"] for account in ran.data["accounts"]] == ["new"], ran.stdout
