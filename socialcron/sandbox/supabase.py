"""Supabase: a PostgREST with one table for all feeds, a UNIQUE key column, and the gateway in front of it.

Sources: docs.postgrest.org (references: api/tables_views, api/preferences, api/pagination_count, errors, auth) and
PostgREST's UpsertSpec.hs, 2026-08; supabase.com/docs/guides/api/api-keys.

An account is a feed: what its rows have in `platform`. Every key opens the whole table, as service_role does.
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar
from urllib.parse import urlsplit

from socialcron.sandbox.frame import Account, Limit, Platform, Post, Route, Token
from socialcron.sandbox.wire import Reply, Request, iso_time

MAX_BODY_BYTES = 2**20  # of the gateway
# column -> type, nullable. `id` is the primary key; `external_key` and `slug` are UNIQUE.
COLUMNS: dict[str, tuple[str, bool]] = {
    "id": ("bigint", False),
    "external_key": ("text", True),
    "platform": ("text", False),
    "body": ("text", True),
    "media": ("jsonb", True),
    "link": ("text", True),
    "slug": ("text", True),
    "status": ("text", True),
    "title": ("varchar(200)", True),
    "scheduled_at": ("timestamptz", True),
    "created_at": ("timestamptz", False),
    # What the application behind the table counts; by itself.
    **dict.fromkeys(("views", "likes", "comments", "shares", "saves"), ("bigint", True)),
}
TABLES: dict[str, tuple[str, ...]] = {  # their UNIQUE columns, the primary key first
    "content_posts": ("id", "external_key", "slug"),
    "uuid_posts": ("id",),  # its id is a uuid, and it has no external_key
}
_MEMBER = r'(?:"(?:[^"\\]|\\.)*"|[^,()"]+)'  # of a list
KNOWN_PREFERENCES = {
    "return": ("minimal", "representation", "headers-only"),
    "resolution": ("ignore-duplicates",),
    "count": ("exact",),
    "handling": ("strict", "lenient"),
}


class Supabase(Platform):
    limits: ClassVar = {"publish": (Limit(6000, 60),), "read": (Limit(6000, 60),)}
    switches: ClassVar = (*Platform.switches, "keeps_preferences", "shows_rows")

    def __init__(self, *args: Any, **options: Any) -> None:
        """keeps_preferences False: `resolution` means nothing to the server. shows_rows False: RLS hides them all."""
        super().__init__(*args, **options)
        self.keeps_preferences = True
        self.shows_rows = True
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}

    # Who asks.

    def new_account(self, handle: str, *, secret: bool = False, may_insert: bool = True) -> dict[str, Any]:
        """A service_role key, or (secret) one of the new kind; may_insert False: of a role without the right to."""
        account = self.named_account(handle)
        value = f"sb_secret_{secrets.token_urlsafe(16)}" if secret else _jwt(handle)
        self.add_token(Token(value, account, scopes=None if may_insert else frozenset({"select"})))
        return {"key": value}

    def _account(self, handle: str) -> Account:
        """Its id names the server, the table and the feed."""
        return self.add_account(
            Account(f"{urlsplit(self.base_url).netloc}/{next(iter(TABLES))}/{handle}", handle)
        )

    def token_of(self, request: Request) -> Token | None:
        return self.known_token(request.headers.get("apikey", ""))

    def authenticate(self, request: Request) -> Token:
        """The gateway looks at `apikey`, PostgREST takes the role from Authorization: a JWT, where there is one."""
        if "apikey" not in request.headers:
            raise self.refusal(401, "No API key found in request", "gateway")
        token = self.token_of(request)
        if token is None:
            raise self.refusal(401, "Invalid API key", "gateway")
        if token.value.startswith("sb_secret_"):
            if "Mozilla" in request.headers.get("user-agent", ""):
                raise self.refusal(401, "Forbidden use of secret API key in browser", "gateway")
            if "authorization" in request.headers:
                raise self.refusal(401, "JWSError (CompactDecodeError Invalid number of parts)", "PGRST301")
        elif request.bearer != token.value:
            raise self.refusal(401, "permission denied for table content_posts", "42501")
        return token

    def expire(self, request: Request) -> Reply:
        return self.error(401, "JWT expired", "PGRST303")

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        """kind: the code; "gateway" and nothing at all are answers from in front of PostgREST."""
        if kind in ("", "gateway"):
            if status >= 500:
                return Reply(status, b"<html><title>Bad gateway</title></html>", content_type="text/html")
            return Reply(
                status, {"message": message or {404: "Not Found", 429: "Too Many Requests"}.get(status, "no")}
            )
        return Reply(status, {"code": kind, "message": message, "details": None, "hint": None})

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        return {"Retry-After": str(max(1, round(reset_at - self.now())))} if blocked else {}

    # What both methods share.

    def _table(self, request: Request) -> str:
        profile = request.headers.get(
            "content-profile" if request.method == "POST" else "accept-profile", "public"
        )
        if profile != "public":
            raise self.refusal(406, f"Invalid schema: {profile}", "PGRST106")
        table = request.params["table"]
        if table not in TABLES:
            raise self.refusal(
                404, f"Could not find the table 'public.{table}' in the schema cache", "PGRST205"
            )
        return table

    def _preferences(self, request: Request) -> dict[str, str]:
        found = {}
        for part in filter(None, (piece.strip() for piece in request.headers.get("prefer", "").split(","))):
            name, _, value = part.partition("=")
            if value in KNOWN_PREFERENCES.get(name, ()):
                found[name] = value
            else:  # lenient servers ignore it; a judge does not
                raise self.refusal(400, f"Invalid preferences given with handling=strict: {part}", "PGRST122")
        if not self.keeps_preferences:
            found.pop("resolution", None)
        return found

    def _selected(self, request: Request, table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        wanted = request.query("select", "*") or "*"
        names = list(_columns(table)) if wanted == "*" else wanted.split(",")
        for name in names:
            if name not in _columns(table):
                raise self.refusal(400, f"column {table}.{name} does not exist", "42703")
        return [{name: row.get(name) for name in names} for row in rows]

    # Writing.

    def insert(self, request: Request) -> Reply:
        table, preferences = self._table(request), self._preferences(request)
        if request.token.scopes is not None:
            raise self.refusal(403, f"permission denied for table {table}", "42501")
        if len(request.body) > MAX_BODY_BYTES:
            raise self.refusal(413, "Request body too large")
        if strange := {name for name, _ in request.query_pairs} - {"select", "on_conflict"}:
            raise self.refusal(400, f"unknown parameter {min(strange)!r}", "PGRST100")
        target = request.query("on_conflict") or TABLES[table][0]
        if target not in TABLES[table]:
            message = "there is no unique or exclusion constraint matching the ON CONFLICT specification"
            raise self.refusal(400, message, "42P10")
        row = self._row(table, self._given(request))
        clash = self._clash(table, row, target, preferences.get("resolution"))
        inserted = [] if clash else [row]
        self._selected(request, table, inserted)  # a wrong column undoes the whole transaction
        for row in inserted:
            self._keep(request, table, row)
        applied = {"Preference-Applied": ", ".join(f"{name}={value}" for name, value in preferences.items())}
        if preferences.get("return") == "representation":
            return Reply(201, self._selected(request, table, inserted), applied)
        if preferences.get("return") == "headers-only" and inserted:
            applied["Location"] = f"/{table}?id=eq.{inserted[0]['id']}"
        return Reply(201, None, applied)

    def _given(self, request: Request) -> dict[str, Any]:
        """One row; PostgREST takes lists of them as well, this judge does not."""
        if request.content_type != "application/json":
            message = f"None of the Content-Types are available: {request.content_type}"
            raise self.refusal(415, message, "PGRST107")
        try:
            return request.json_object()
        except ValueError:
            raise self.refusal(400, "Empty or invalid json", "PGRST102") from None

    def _row(self, table: str, given: Mapping[str, Any]) -> dict[str, Any]:
        columns = _columns(table)
        for name in given:
            if name not in columns:
                message = f"Could not find the '{name}' column of '{table}' in the schema cache"
                raise self.refusal(400, message, "PGRST204")
        row: dict[str, Any] = dict.fromkeys(columns)
        row["created_at"] = iso_time(self.now(), digits=6).replace("Z", "+00:00")
        if columns["id"][0] == "bigint":
            row["id"] = self.next_number(16)  # above 2**53: as large as JSON readers must be able to bear
        else:
            row["id"] = str(uuid.uuid4())
        row |= {name: self._value(columns[name][0], value) for name, value in given.items()}
        for name, (_, nullable) in columns.items():
            if row[name] is None and not nullable:
                message = f'null value in column "{name}" of relation "{table}" violates not-null constraint'
                raise self.refusal(400, message, "23502")
        return row

    def _value(self, kind: str, value: Any) -> Any:
        if value is None or kind == "jsonb":
            return value
        shown = value if isinstance(value, str) else json.dumps(value)
        if kind == "text":
            return shown
        if kind == "varchar(200)":
            if len(shown) > 200:
                raise self.refusal(400, "value too long for type character varying(200)", "22001")
            return shown
        pattern = {
            "bigint": r"-?\d{1,18}",
            "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            "timestamptz": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:\d\d)?)",
        }[kind]
        if not re.fullmatch(pattern, shown):
            raise self.refusal(400, f'invalid input syntax for type {kind}: "{shown}"', "22P02")
        return int(shown) if kind == "bigint" else shown

    def _clash(self, table: str, row: Mapping[str, Any], target: str, resolution: str | None) -> bool:
        """Whether the row is there and shall be passed over. Raises Refusal for any other clash."""
        for column in TABLES[table]:
            if row[column] is None or all(row[column] != other[column] for other in self.rows[table]):
                continue
            if resolution == "ignore-duplicates" and column == target:
                return True
            message = f'duplicate key value violates unique constraint "{table}_{column}_key"'
            raise self.refusal(409, message, "23505")
        return False

    def _keep(self, request: Request, table: str, row: dict[str, Any]) -> None:
        self.rows[table].append(row)
        feed = str(row.get("platform") or request.account.handle)
        account = self.accounts.get(feed) or self._account(feed)
        media = row.get("media")
        post = Post(
            str(row["id"]),
            account,
            str(row["body"] or ""),
            self.now(),
            tuple(map(str, media)) if isinstance(media, list) else (),
            key=row.get("external_key") or str(row["id"]),
        )
        self.add_post(post, request)

    # Reading.

    def select(self, request: Request) -> Reply:
        table, preferences = self._table(request), self._preferences(request)
        columns, rows = _columns(table), self.rows[table] if self.shows_rows else []
        limit = 1000
        for name, condition in request.query_pairs:
            if name == "select":
                continue
            if name == "limit":
                if not condition.isdigit():
                    raise self.refusal(400, '"failed to parse limit"', "PGRST100")
                limit = min(limit, int(condition))
                continue
            if name not in columns:
                raise self.refusal(400, f"column {table}.{name} does not exist", "42703")
            texts = self._operands(condition)
            values = [self._value(columns[name][0], text) for text in texts]
            rows = [row for row in rows if row[name] in values]
        page = self._selected(request, table, [row | self._counted(row) for row in rows[:limit]])
        total = str(len(rows)) if preferences.get("count") == "exact" else "*"
        span = f"0-{len(page) - 1}" if page else "*"
        return Reply(200, page, {"Content-Range": f"{span}/{total}"})

    def _operands(self, condition: str) -> list[str]:
        """Of `eq.VALUE` and `in.(VALUE,"VALUE")`, the two operators there are here."""
        operator, _, text = condition.partition(".")
        if operator == "eq":
            return [text]
        if operator == "in" and re.fullmatch(rf"\({_MEMBER}(,{_MEMBER})*\)", text):
            members = re.findall(_MEMBER, text)
            return [
                re.sub(r"\\(.)", r"\1", member[1:-1] if member[0] == '"' else member) for member in members
            ]
        raise self.refusal(400, f'"failed to parse filter ({condition})"', "PGRST100")

    def _counted(self, row: Mapping[str, Any]) -> dict[str, int]:
        post = self.posts.get(str(row["id"]))
        seen = self.seen_by(post) if post else None
        return asdict(seen) if seen else {}

    def delete_post(self, post: Post) -> None:
        super().delete_post(post)
        for rows in self.rows.values():
            rows[:] = [row for row in rows if str(row["id"]) != post.id]

    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/rest/v1/{table}", insert, True, family="publish"),
        Route("GET", "/rest/v1/{table}", select),
    )


def _columns(table: str) -> dict[str, tuple[str, bool]]:
    if table == "content_posts":
        return COLUMNS
    columns = {**COLUMNS, "id": ("uuid", False)}
    del columns["external_key"]
    return columns


def _jwt(handle: str) -> str:
    """What a legacy key looks like: eyJ... of three parts."""
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"role": "service_role", "ref": handle, "jti": secrets.token_hex(8)},
    )
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join((*encoded, secrets.token_urlsafe(32)))
