"""The authorization-code flow as all platforms have it: a person who always says yes, and codes that work once.

A platform mixes `Consent` in, routes its authorize address to `authorize`, and calls `redeem` where it takes codes.
An app or redirect address that is not known is refused on the spot, without sending anybody anywhere.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

from socialcron.sandbox.frame import Account, Platform
from socialcron.sandbox.wire import Reply, Request

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
CODE_SECONDS = 600.0
NOBODY = "nobody"
SOMEBODY = "me"  # says yes where no account was made: `accounts connect` works on a fresh sandbox


@dataclass(slots=True)
class Code:
    account: Account
    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str | None
    expires_at: float


class Consent(Platform):
    """`consenting`: handle of the account whose owner says yes; empty: the one made last; "nobody": no. For tests."""

    client_parameter: ClassVar[str] = "client_id"
    scope_separator: ClassVar[str] = " "
    known_scopes: ClassVar[frozenset[str]] = frozenset()
    code_seconds: ClassVar[float] = CODE_SECONDS
    pkce: ClassVar[Literal["S256", "S256-hex"] | None] = None
    switches: ClassVar[tuple[str, ...]] = (*Platform.switches, "consenting")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.consenting = ""
        self.codes: dict[str, Code] = {}

    def authorize(self, request: Request) -> Reply:
        """Send the browser back with a code, or with the error of RFC 6749 section 4.1.2.1."""
        redirect_uri, state = request.query("redirect_uri"), request.query("state")
        client_id = request.query(self.client_parameter)
        if not client_id or not redirect_uri or not self.knows_client(client_id, redirect_uri):
            return Reply(400, b"unknown client or redirect_uri", content_type="text/plain")
        scopes = frozenset((request.query("scope") or "").split(self.scope_separator)) - {""}
        challenge = request.query("code_challenge")
        problem = ""
        if request.query("response_type") != "code" or not state:
            problem = "invalid_request"
        elif not scopes or not scopes <= self.known_scopes:
            problem = "invalid_scope"
        elif self.pkce and (not challenge or request.query("code_challenge_method") != "S256"):
            problem = "invalid_request"
        if problem:
            return _back(redirect_uri, {"error": problem, "state": state or ""})
        if self.consenting == NOBODY:
            return _back(redirect_uri, {"error": "access_denied", "state": state or ""})
        if not self.accounts:
            self.new_account(SOMEBODY)
        account = self.accounts.get(self.consenting) or next(reversed(self.accounts.values()))
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(
            account, client_id, redirect_uri, scopes, challenge, self.now() + self.code_seconds
        )
        return _back(redirect_uri, {"code": code, "state": state or ""})

    def knows_client(self, client_id: str, redirect_uri: str) -> bool:
        """Whether that is an app which may send people to that address."""
        return client_id == CLIENT_ID and redirect_uri.startswith(
            ("http://127.0.0.1", "http://localhost", "https://")
        )

    def redeem(self, fields: Mapping[str, Any], client_id: str = CLIENT_ID) -> Code:
        """Use up the code of a token request by that app. Raises ValueError naming what is wrong with it."""
        code = self.codes.pop(str(fields.get("code")), None)
        if code is None or code.expires_at <= self.now() or code.client_id != client_id:
            raise ValueError("the code is unknown, used or over")
        if fields.get("redirect_uri") != code.redirect_uri:
            raise ValueError("redirect_uri is not the one of the authorization")
        if self.pkce:
            digest = sha256(str(fields.get("code_verifier", "")).encode())
            hexadecimal = self.pkce == "S256-hex"
            expected = digest.hexdigest() if hexadecimal else _base64url(digest.digest())
            if expected != code.challenge:
                raise ValueError("code_verifier does not fit the code_challenge")
        return code


def _back(redirect_uri: str, parameters: Mapping[str, str]) -> Reply:
    mark = "&" if "?" in redirect_uri else "?"
    return Reply(302, None, {"Location": f"{redirect_uri}{mark}{urlencode(parameters)}"})


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
