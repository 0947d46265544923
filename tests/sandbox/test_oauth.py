"""The judge of the code flow: who may ask, where it leads, what a code is worth."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.sandbox import Sandbox

BACK = "http://127.0.0.1:8734/"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "client_id": "sandbox-client",
    "redirect_uri": BACK,
    "scope": "tweet.read users.read offline.access",
    "state": "s",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        running.account("x", "alice", auth="oauth2")
        running.account("mastodon", "alice")
        yield running


def authorize(sandbox: Sandbox, platform: str = "x", **asked: str) -> httpx.Response:
    path = "/i/oauth2/authorize" if platform == "x" else "/oauth/authorize"
    parameters = {name: value for name, value in (ASKED | asked).items() if value}
    return httpx.get(sandbox.url(platform) + path, params=parameters)


def answer(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 302
    assert response.headers["location"].startswith(BACK)
    return {
        name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()
    }


def redeem(sandbox: Sandbox, code: str, /, **more: Any) -> httpx.Response:
    fields = {
        "grant_type": "authorization_code",
        "client_id": "sandbox-client",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    return httpx.post(sandbox.url("x") + "/2/oauth2/token", data=fields | more)


def test_authorize__sends_the_browser_back_with_code_and_state(sandbox: Sandbox) -> None:
    found = answer(authorize(sandbox))
    assert found["state"] == "s"
    tokens = redeem(sandbox, found["code"]).json()
    assert tokens["scope"] == "offline.access tweet.read users.read"
    me = httpx.get(
        sandbox.url("x") + "/2/users/me", headers={"authorization": f"Bearer {tokens['access_token']}"}
    )
    assert me.json()["data"]["username"] == "alice"
    post = httpx.post(
        sandbox.url("x") + "/2/tweets",
        json={"text": "Hello"},
        headers={"authorization": f"Bearer {tokens['access_token']}"},
    )
    assert post.status_code == 403, "tweet.write was not asked for"


@pytest.mark.parametrize(
    "asked", [{"client_id": "other"}, {"redirect_uri": ""}, {"redirect_uri": "http://a.example/"}]
)
def test_authorize__sends_nobody_to_an_address_it_does_not_know(
    sandbox: Sandbox, asked: dict[str, str]
) -> None:
    assert authorize(sandbox, **asked).status_code == 400


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"response_type": "token"}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_authorize__says_what_is_wrong_with_a_request(
    sandbox: Sandbox, asked: dict[str, str], error: str
) -> None:
    assert answer(authorize(sandbox, **asked))["error"] == error


def test_authorize__somebody_may_say_no(sandbox: Sandbox) -> None:
    sandbox.settings("x", consenting="nobody")
    assert answer(authorize(sandbox)) == {"error": "access_denied", "state": "s"}


@pytest.mark.parametrize(
    "more",
    [
        {"code": "another"},
        {"redirect_uri": "http://127.0.0.1:1/"},
        {"code_verifier": "w" * 64},
        {"code_verifier": ""},
        {"client_id": "other"},
        {"grant_type": "password"},
    ],
)
def test_redeem__refuses_a_code_with_anything_else_about_it(sandbox: Sandbox, more: dict[str, str]) -> None:
    code = answer(authorize(sandbox))["code"]
    assert redeem(sandbox, code, **more).status_code == 400


def test_redeem__takes_a_code_once(sandbox: Sandbox) -> None:
    code = answer(authorize(sandbox))["code"]
    assert redeem(sandbox, code).status_code == 200
    assert redeem(sandbox, code).status_code == 400


def test_redeem__x_takes_a_code_for_30_seconds(sandbox: Sandbox) -> None:
    code = answer(authorize(sandbox))["code"]
    sandbox.advance(31)
    assert redeem(sandbox, code).status_code == 400


def test_redeem__x_gives_a_refresh_token_for_offline_access_only(sandbox: Sandbox) -> None:
    code = answer(authorize(sandbox, scope="users.read"))["code"]
    assert "refresh_token" not in redeem(sandbox, code).json()


def test_redeem__x_holds_a_client_with_a_secret_to_it(sandbox: Sandbox) -> None:
    code = answer(authorize(sandbox))["code"]
    url = sandbox.url("x") + "/2/oauth2/token"
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    assert httpx.post(url, data=fields, auth=("sandbox-client", "wrong")).status_code == 401
    tokens = httpx.post(url, data=fields, auth=("sandbox-client", "sandbox-secret")).json()
    refresh = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": "sandbox-client",
    }
    assert httpx.post(url, data=refresh).status_code == 401


# --- Mastodon ----------------------------------------------------------------------------------------------------


def register(sandbox: Sandbox, **more: Any) -> httpx.Response:
    fields = {"client_name": "socialcron", "redirect_uris": BACK, "scopes": "read:accounts write:statuses"}
    return httpx.post(sandbox.url("mastodon") + "/api/v1/apps", json=fields | more)


def test_mastodon__an_app_leads_to_its_own_addresses_and_scopes_only(sandbox: Sandbox) -> None:
    app = register(sandbox).json()
    asked = {"client_id": app["client_id"], "scope": "write:statuses"}
    found = answer(authorize(sandbox, "mastodon", **asked))
    assert authorize(sandbox, "mastodon", **asked, redirect_uri="http://127.0.0.1:1/").status_code == 400
    assert authorize(sandbox, "mastodon", **(asked | {"scope": "write:media"})).status_code == 400

    fields = {
        "grant_type": "authorization_code",
        "code": found["code"],
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        "client_id": app["client_id"],
    }
    url = sandbox.url("mastodon") + "/oauth/token"
    assert httpx.post(url, data=fields).status_code == 401
    token = httpx.post(url, data=fields | {"client_secret": app["client_secret"]}).json()
    assert "expires_in" not in token
    assert token["scope"] == "write:statuses"
    me = sandbox.url("mastodon") + "/api/v1/accounts/verify_credentials"
    assert httpx.get(me, headers={"authorization": f"Bearer {token['access_token']}"}).status_code == 403


def test_mastodon__a_code_is_worth_nothing_to_another_app(sandbox: Sandbox) -> None:
    mine, other = register(sandbox).json(), register(sandbox).json()
    code = answer(authorize(sandbox, "mastodon", client_id=mine["client_id"], scope="write:statuses"))["code"]
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    app = {name: other[name] for name in ("client_id", "client_secret")}
    refused = httpx.post(sandbox.url("mastodon") + "/oauth/token", data=fields | app)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "more", [{"client_name": ""}, {"redirect_uris": ""}, {"redirect_uris": "somewhere"}, {"scopes": "all"}]
)
def test_mastodon__refuses_an_app_that_cannot_be(sandbox: Sandbox, more: dict[str, str]) -> None:
    assert register(sandbox, **more).status_code == 422
