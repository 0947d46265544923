"""The code flow of X and Mastodon, request by request; the other platforms' are in their own contract tests."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from socialcron.errors import AuthExpired, PlatformFailure, Unavailable
from socialcron.platforms.base import App, Grant
from socialcron.platforms.mastodon import Mastodon
from socialcron.platforms.x import X
from tests.contract.conftest import Wire

GRANT = Grant(code="the-code", redirect_uri="http://127.0.0.1:8734/", code_verifier="the-verifier")
CODE = {
    "grant_type": "authorization_code",
    "code": "the-code",
    "redirect_uri": "http://127.0.0.1:8734/",
    "code_verifier": "the-verifier",
}
SERVER = {"base_url": "https://social.example"}

# https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
X_TOKENS = {
    "token_type": "bearer",
    "expires_in": 7200,
    "access_token": "AT",
    "refresh_token": "RT",
    "scope": "tweet.read tweet.write users.read media.write offline.access",
}
X_ME = {"data": {"id": "2244994945", "name": "Me", "username": "me"}}
# https://docs.joinmastodon.org/methods/oauth/#token
MASTODON_TOKEN = {
    "access_token": "AT",
    "token_type": "Bearer",
    "scope": "read write",
    "created_at": 1573979017,
}
# https://docs.joinmastodon.org/methods/accounts/#verify_credentials
MASTODON_ME = {"id": "14715", "username": "me", "acct": "me"}


def form(request: httpx.Request) -> dict[str, str]:
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    return dict(httpx.QueryParams(request.content.decode()))


def test_x__a_public_client_names_itself_in_the_body(wire: Wire) -> None:
    wire.expect("POST /2/oauth2/token", json=X_TOKENS)
    wire.expect("GET /2/users/me", json=X_ME)

    (found,) = X().connect_accounts(GRANT, App(client_id="CID"), {}, wire.http)

    exchange, me = wire.requests
    assert str(exchange.url) == "https://api.x.com/2/oauth2/token"
    assert form(exchange) == {**CODE, "client_id": "CID"}
    assert "authorization" not in exchange.headers
    assert me.headers["authorization"] == "Bearer AT"
    assert (found.external_id, found.handle) == ("2244994945", "@me")
    assert found.tokens.credentials["refresh_token"] == "RT"
    assert found.tokens.expires_at is not None
    assert found.scopes == X.declaration.authorization.scopes  # type: ignore[union-attr]


def test_x__a_confidential_client_proves_itself_by_its_secret(wire: Wire) -> None:
    wire.expect(
        "POST /2/oauth2/token", json={name: X_TOKENS[name] for name in X_TOKENS if name != "refresh_token"}
    )
    wire.expect("GET /2/users/me", json=X_ME)

    (found,) = X().connect_accounts(GRANT, App(client_id="CID", client_secret="S"), {}, wire.http)

    assert form(wire.requests[0]) == CODE
    pair = base64.b64encode(b"CID:S").decode()
    assert wire.requests[0].headers["authorization"] == f"Basic {pair}"
    assert not X().can_refresh(found.tokens.credentials), "without offline.access"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        # A code that is over or used: docs say neither word for sure, clients saw both (2026-08).
        (
            400,
            {
                "error": "invalid_request",
                "error_description": "Value passed for the authorization code was invalid.",
            },
        ),
        (400, {"error": "invalid_grant"}),
        (401, {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}),
    ],
)
def test_x__a_refused_code_needs_a_person(wire: Wire, status: int, body: dict[str, Any]) -> None:
    wire.expect("POST /2/oauth2/token", status, json=body)
    with pytest.raises(AuthExpired) as caught:
        X().connect_accounts(GRANT, App(client_id="CID", client_secret="S"), {}, wire.http)
    assert "the-code" not in str(caught.value)


def test_x__a_code_is_never_sent_twice(wire: Wire) -> None:
    wire.expect("POST /2/oauth2/token", httpx.ReadTimeout("no answer"))
    with pytest.raises(Unavailable):
        X().connect_accounts(GRANT, App(client_id="CID"), {}, wire.http)
    assert len(wire.requests) == 1


def test_mastodon__registers_an_app_for_the_redirect_address(wire: Wire) -> None:
    """https://docs.joinmastodon.org/methods/apps/#create"""
    answer = {
        "id": "1",
        "name": "socialcron",
        "client_id": "CID",
        "client_secret": "S",
        "client_secret_expires_at": 0,
    }
    wire.expect("POST /api/v1/apps", json=answer)

    app = Mastodon().register_app("http://127.0.0.1:8734/", ["read", "write"], SERVER, wire.http)

    assert app == App(client_id="CID", client_secret="S")
    assert str(wire.last.url) == "https://social.example/api/v1/apps"
    assert wire.sent["redirect_uris"] == "http://127.0.0.1:8734/", "a text: servers before 4.3 take no list"
    assert (wire.sent["client_name"], wire.sent["scopes"]) == ("socialcron", "read write")


def test_mastodon__trades_the_code_and_asks_whose_it_is(wire: Wire) -> None:
    wire.expect("POST /oauth/token", json=MASTODON_TOKEN)
    wire.expect("GET /api/v1/accounts/verify_credentials", json=MASTODON_ME)

    (found,) = Mastodon().connect_accounts(GRANT, App(client_id="CID", client_secret="S"), SERVER, wire.http)

    assert form(wire.requests[0]) == {**CODE, "client_id": "CID", "client_secret": "S"}
    assert wire.requests[1].headers["authorization"] == "Bearer AT"
    assert (found.external_id, found.handle) == ("14715", "@me@social.example")
    assert found.tokens.credentials == {"access_token": "AT", "client_id": "CID", "client_secret": "S"}
    assert found.tokens.expires_at is None
    assert found.scopes == ("read", "write")


def test_mastodon__keeps_the_end_and_the_refresh_token_of_servers_whose_tokens_end(wire: Wire) -> None:
    wire.expect("POST /oauth/token", json={**MASTODON_TOKEN, "expires_in": 7200, "refresh_token": "RT"})
    wire.expect("GET /api/v1/accounts/verify_credentials", json=MASTODON_ME)
    (found,) = Mastodon().connect_accounts(GRANT, App(client_id="CID"), SERVER, wire.http)
    assert found.tokens.credentials["refresh_token"] == "RT"
    assert found.tokens.expires_at is not None


@pytest.mark.parametrize(("status", "error"), [(400, "invalid_grant"), (401, "invalid_client")])
def test_mastodon__a_refused_code_needs_a_person(wire: Wire, status: int, error: str) -> None:
    wire.expect("POST /oauth/token", status, json={"error": error, "error_description": "no"})
    with pytest.raises(AuthExpired):
        Mastodon().connect_accounts(GRANT, App(client_id="CID"), SERVER, wire.http)


def test_mastodon__a_server_that_is_none_may_pass(wire: Wire) -> None:
    wire.expect("POST /api/v1/apps", 200, text="<html>a parking page</html>")
    with pytest.raises(PlatformFailure) as caught:
        Mastodon().register_app("http://127.0.0.1:8734/", ["read"], SERVER, wire.http)
    assert "social.example" in str(caught.value)
