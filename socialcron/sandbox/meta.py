"""What the stand-ins of Facebook, Instagram and Threads share: Graph's errors, tokens, versions, usage and pages.

Sources: developers.facebook.com/docs/graph-api (guides/error-handling, overview/rate-limiting, results), /docs/
facebook-login/guides/access-tokens/get-long-lived, as archived 2026-09-11. Kinds of tokens: "access" publishes;
"user" is a long-lived one of a person, "short" a short-lived one. Which of them a route takes is the platform's.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Consent
from socialcron.sandbox.wire import Reply, Request

SHORT_SECONDS = 3600.0
LONG_SECONDS = 5_184_000.0  # 60 days
DAY_SECONDS = 86_400.0

_VERSION = re.compile(r"/v\d+\.\d+(?=/|$)")
_FIELD = re.compile(r"(?:[^,({]|\([^)]*\)|\{[^}]*\})+")


class Graph(Consent):
    """A platform on Graph. Templates are below the version: "/{id}/feed" is asked for as /v26.0/1/feed."""

    unversioned: ClassVar[frozenset[str]] = frozenset()  # templates without a version in the path
    limits: ClassVar[Mapping[str, tuple[Limit, ...]]] = {"read": (Limit(4800, 86_400),)}
    throttle_code: ClassVar[int] = 32
    usage_type: ClassVar[str] = "pages"  # in X-Business-Use-Case-Usage
    sends_usage: ClassVar[bool] = True
    token_prefix: ClassVar[str] = "EAAB"

    # Where.

    def route(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        found = _VERSION.match(path)
        route, params = super().route(method, path[found.end() :] if found else path)
        if route is None or bool(found) is (route.template in self.unversioned):
            return None, {}
        return route, params

    # Errors.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        """`kind` is "code" or "code/subcode"; without one it follows from `status`.

        Throttling and dead tokens are HTTP 400, as nearly everything is.
        """
        codes = {401: "190/463", 403: "200", 404: "100/33", 429: str(self.throttle_code)}
        messages = {
            401: "Error validating access token: Session has expired",
            404: "Unsupported request. Object does not exist or cannot be loaded due to missing permissions",
            429: "Application request limit reached",
        }
        known = kind or (codes.get(status) or ("2" if status >= 500 else "100"))
        code, _, subcode = known.partition("/")
        said = message or messages.get(
            status, "An unexpected error has occurred. Please retry your request later."
        )
        body: dict[str, Any] = {
            "message": f"(#{code}) {said}",
            "type": "OAuthException",
            "code": int(code),
            "is_transient": status >= 500,
            "fbtrace_id": secrets.token_hex(6),
        }
        if subcode:
            body["error_subcode"] = int(subcode)
        return Reply(400 if status in (401, 404, 429) else status, {"error": body})

    def bad(self, message: str, kind: str = "100") -> Refusal:
        """HTTP 400 with that code (or "code/subcode")."""
        return self.refusal(400, message, kind)

    # Usage.

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        """Percent of the quota, once there is anything to say; the wait is in minutes."""
        used = 100 if blocked else 100 * (limit.most - remaining) // limit.most
        if not used or not self.sends_usage:
            return {}
        counts = {"call_count": used, "total_time": used // 2, "total_cputime": used // 2}
        minutes = math.ceil(max(0.0, reset_at - self.now()) / 60) if blocked else 0
        business = {"type": self.usage_type, **counts, "estimated_time_to_regain_access": minutes}
        return {
            "X-App-Usage": json.dumps(counts),
            "X-Business-Use-Case-Usage": json.dumps({"1122": [business]}),
        }

    # Tokens.

    def issue(
        self,
        account: Account,
        kind: str = "access",
        *,
        seconds: float | None = LONG_SECONDS,
        scopes: frozenset[str] | None = None,
        **extra: Any,
    ) -> Token:
        """A new token; seconds None: it never ends. `extra["issued_at"]` is when."""
        ends = None if seconds is None else self.now() + seconds
        value = self.token_prefix + secrets.token_urlsafe(40)
        extra = {"issued_at": self.now(), **extra}
        return self.add_token(Token(value, account, kind, expires_at=ends, scopes=scopes, extra=extra))

    def token_of(self, request: Request) -> Token | None:
        """From the header (Bearer, or rupload's OAuth) or the parameter access_token."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        value = value.strip() if scheme.lower() in ("bearer", "oauth") else ""
        value = value or request.query("access_token") or ""
        return self.known_token(value)

    def authenticate(self, request: Request) -> Token:
        return self.live(self.token_of(request))

    def live(self, token: Token | None) -> Token:
        """`token`, unless there is none or it has ended. Raises Refusal."""
        if token is None:
            raise self.bad("Invalid OAuth access token - Cannot parse access token", "190")
        if token.expires_at is not None and token.expires_at <= self.now():
            raise self.refusal(401)
        return token

    def check_app(self, fields: Mapping[str, Any], *, with_id: bool = True) -> None:
        """client_secret (and client_id) are the sandbox's. Raises Refusal."""
        if fields.get("client_secret") != CLIENT_SECRET or (with_id and fields.get("client_id") != CLIENT_ID):
            raise self.bad("Error validating client secret.")

    def trade(self, value: Any, *, kinds: Collection[str], to: str, min_age_seconds: float = 0.0) -> Reply:
        """Trade the live token `value` of one of `kinds` for a long-lived one of kind `to`. Raises Refusal."""
        token = self.live(self.tokens.get(str(value)))
        if token.kind not in kinds or self.now() - token.extra.get("issued_at", 0.0) < min_age_seconds:
            raise self.bad("This access token cannot be exchanged")
        new = self.issue(token.account, to, scopes=token.scopes)
        return self.token_reply(new)

    def short_token(self, fields: Mapping[str, Any]) -> Token:
        """The short-lived token of an authorization code, which is used up. Raises Refusal."""
        try:
            code = self.redeem(fields)
        except ValueError as exc:
            raise self.bad(f"Error validating verification code: {exc}") from None
        return self.issue(code.account, "short", seconds=SHORT_SECONDS, scopes=code.scopes)

    def token_reply(self, token: Token) -> Reply:
        body: dict[str, Any] = {"access_token": token.value, "token_type": "bearer"}
        if token.expires_at is not None:
            body["expires_in"] = int(token.expires_at - self.now())
        return Reply(200, body)

    # Parameters, fields and pages.

    def fields(self, request: Request, known: Iterable[str] = ()) -> dict[str, Any]:
        """The parameters of query and body (JSON, form, multipart with `Part`s), without access_token.

        With `known`, every other name is refused. Raises Refusal.
        """
        found: dict[str, Any] = dict(request.query_pairs)
        try:
            if request.content_type == "application/json":
                found |= request.json_object()
            elif request.content_type == "application/x-www-form-urlencoded":
                found |= dict(request.form_pairs())
            elif request.content_type == "multipart/form-data":
                found |= {
                    part.name: part.data.decode() if part.filename is None else part
                    for part in request.parts()
                }
            elif request.body:
                raise ValueError(f"a body of type {request.content_type or 'none'} is not read")
        except ValueError as exc:
            raise self.bad(f"The body cannot be read: {exc}") from None
        found.pop("access_token", None)
        if (names := frozenset(known)) and (odd := sorted(set(found) - names)):
            raise self.bad(f"Unexpected parameter {odd[0]}")
        return found

    def pick(
        self, body: Mapping[str, Any], request: Request, *, default: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The id and what `fields=` asks for of `body`; a value of None is left out, an unknown name refused."""
        asked = request.query("fields")
        names = [re.split(r"[.({]", name)[0].strip() for name in _FIELD.findall(asked or "")] or list(default)
        for name in names:
            if name not in body:
                raise self.bad(f"Tried accessing nonexisting field ({name})")
        return {name: body[name] for name in dict.fromkeys([*names, "id"]) if body.get(name) is not None}

    def page(self, items: Sequence[Mapping[str, Any]], request: Request, *, default: Sequence[str]) -> Reply:
        """One page of `items` (each with an id), by `limit` (25, at most 100) and the cursor `after`."""
        try:
            limit = int(request.query("limit") or 25)
            after = urlsafe_b64decode(request.query("after") or "").decode()
        except ValueError:
            raise self.bad("Invalid limit or cursor") from None
        if not 1 <= limit <= 100:
            raise self.bad("limit must be between 1 and 100")
        ids = [item["id"] for item in items]
        if after and after not in ids:
            raise self.bad("The cursor is unknown")
        start = ids.index(after) + 1 if after else 0
        shown = items[start : start + limit]
        body: dict[str, Any] = {"data": [self.pick(item, request, default=default) for item in shown]}
        if shown:
            cursors = {"before": _cursor(shown[0]["id"]), "after": _cursor(shown[-1]["id"])}
            body["paging"] = {"cursors": cursors}
            if start + limit < len(items):
                body["paging"]["next"] = f"{request.url}?limit={limit}&after={cursors['after']}"
        return Reply(200, body)

    def own_post(self, request: Request) -> Post:
        """The post in the path, which must be the token's account's. Raises Refusal."""
        post = self.posts.get(request.params["id"])
        if post is None or post.deleted or post.account is not request.account:
            raise self.refusal(404)
        return post

    def insights(self, request: Request, values: Mapping[str, Any], *, default: str = "") -> Reply:
        """Of `values` what `metric=` asks for; one that is not among them fails all. Nothing while counts are hidden.

        default: what is asked for where `metric=` says nothing.
        """
        asked = [name for name in (request.query("metric") or default).split(",") if name]
        if not asked or any(name not in values for name in asked):
            raise self.bad("The value must be a valid insights metric")
        post_id = request.params["id"]
        data = [
            {
                "name": name,
                "period": "lifetime",
                "values": [{"value": values[name]}],
                "id": f"{post_id}/insights/{name}/lifetime",
            }
            for name in asked
        ]
        return Reply(200, {"data": [] if self.counts_hidden else data})


def graph_time(moment: float) -> str:
    """Epoch seconds -> `2026-01-02T03:04:05+0000`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(moment))


def _cursor(item_id: str) -> str:
    return urlsafe_b64encode(item_id.encode()).decode()
