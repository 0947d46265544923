"""What the stand-ins of YouTube and Google Business Profile share: Google's consent page, tokens, envelope of errors.

Sources: developers.google.com/identity/protocols/oauth2/native-app, developers.google.com/youtube/v3/docs/errors.
"""

from __future__ import annotations

import math
import secrets
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Limit, Token
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Consent
from socialcron.sandbox.wire import Reply, Request, iso_time

ACCESS_SECONDS = 3599
_SCOPE = "https://www.googleapis.com/auth/"


class Google(Consent):
    """`scopes`: what an account's own credentials may do, without the common prefix."""

    pkce = "S256"
    scopes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.offline: set[str] = set()  # codes that bring a refresh token

    # Accounts and tokens.

    def new_account(self, handle: str, **options: Any) -> dict[str, Any]:
        """Options: those of the platform's `_account`, for a new account only."""
        account = self.accounts.get(handle) or self._account(handle, **options)
        access = self._access(account, frozenset(_SCOPE + scope for scope in self.scopes))
        refresh = self.add_token(
            Token(f"1//{secrets.token_urlsafe(32)}", account, "refresh", scopes=access.scopes)
        )
        return {
            "access_token": access.value,
            "refresh_token": refresh.value,
            "expires_at": iso_time(self.now() + ACCESS_SECONDS),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    def _access(self, account: Account, scopes: frozenset[str] | None) -> Token:
        value, ends_at = f"ya29.{secrets.token_urlsafe(32)}", self.now() + ACCESS_SECONDS
        return self.add_token(Token(value, account, expires_at=ends_at, scopes=scopes))

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        """Google announces nothing; Retry-After is not promised, but spares tests the wait."""
        return {"Retry-After": str(math.ceil(max(reset_at - self.now(), 0)))} if blocked else {}

    # Consent.

    @property
    def known_scopes(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset(_SCOPE + scope for scope in self.scopes)

    def authorize(self, request: Request) -> Reply:
        before = set(self.codes)
        reply = super().authorize(request)
        if (request.query("access_type"), request.query("prompt")) == ("offline", "consent"):
            self.offline |= set(self.codes) - before
        return reply

    def token(self, request: Request) -> Reply:
        """Trade a code, or a refresh token, which stays good and is not returned again."""
        if request.content_type != "application/x-www-form-urlencoded":
            return _token_error(400, "invalid_request", "Invalid content type.")
        fields = dict(request.form_pairs())
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _token_error(401, "invalid_client", "The OAuth client was not found.")
        match fields.get("grant_type"):
            case "refresh_token":
                token = self.tokens.get(fields.get("refresh_token", ""))
                if token is None or token.kind != "refresh":
                    return _token_error(400, "invalid_grant", "Token has been expired or revoked.")
                return self._granted(token.account, token.scopes)
            case "authorization_code":
                try:
                    code = self.redeem(fields)
                except ValueError as exc:
                    return _token_error(400, "invalid_grant", str(exc))
                reply = self._granted(code.account, code.scopes)
                if fields["code"] in self.offline:
                    value = f"1//{secrets.token_urlsafe(32)}"
                    self.add_token(Token(value, code.account, "refresh", scopes=code.scopes))
                    reply.body["refresh_token"] = value
                return reply
        return _token_error(400, "unsupported_grant_type", "Invalid grant_type.")

    def _granted(self, account: Account, scopes: frozenset[str] | None) -> Reply:
        body = {
            "access_token": self._access(account, scopes).value,
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(sorted(scopes or ())),
            "token_type": "Bearer",
        }
        return Reply(200, body)

    # What handlers use.

    def json_body(self, request: Request) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise self.refusal(400, f"Invalid content type {request.content_type!r}.")
        try:
            return request.json_object()
        except ValueError as exc:
            raise self.refusal(400, f"Invalid JSON payload received. {exc}") from None

    def only(self, given: Any, allowed: tuple[str, ...], where: str) -> dict[str, Any]:
        """`given`, if it is an object with no other keys than these. Raises Refusal."""
        if not isinstance(given, dict):
            raise self.refusal(400, f"Invalid value at '{where}': not an object.")
        if unknown := sorted(set(given) - set(allowed)):
            raise self.refusal(
                400, f"Invalid JSON payload received. Unknown name \"{unknown[0]}\" at '{where}'."
            )
        return given

    def page(
        self, request: Request, items: list[Any], size_parameter: str, default: int, most: int
    ) -> tuple[list[Any], str | None]:
        """The items that pageToken and the size ask for, and the next page's token. Raises Refusal."""
        size, start = request.query(size_parameter, str(default)), request.query("pageToken", "0")
        if not (size and size.isdecimal() and 0 < int(size) <= most) or not (start and start.isdecimal()):
            raise self.refusal(400, f"Invalid {size_parameter} or pageToken.")
        end = int(start) + int(size)
        return items[int(start) : end], str(end) if end < len(items) else None

    def query_only(self, request: Request, *allowed: str) -> None:
        """Raises Refusal for a parameter that the method does not have, or has twice."""
        names = [name for name, _ in request.query_pairs]
        for name in names:
            if name not in allowed or names.count(name) > 1:
                raise self.refusal(400, f'Invalid query: unknown or repeated name "{name}".')


def _token_error(status: int, error: str, description: str) -> Reply:
    return Reply(status, {"error": error, "error_description": description})
