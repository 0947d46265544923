"""Rows in a table of Supabase, or of any PostgREST: https://docs.postgrest.org/en/stable/ (read 2026-09-11)

An account is one named feed: a table, and what a row says its platform is. Publishing inserts one row under a key of
ours in a UNIQUE column, with ON CONFLICT DO NOTHING: the same insert can be repeated for ever and makes one row. The
body tells what happened, never the status: an ignored insert answers 201 as well, with an empty list.

    alter table content_posts add column external_key text;
    alter table content_posts add constraint content_posts_external_key_key unique (external_key);
    notify pgrst, 'reload schema';
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

from socialcron.errors import (
    AuthExpired,
    Duplicate,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import (
    Account,
    Closed,
    Confirmed,
    Identity,
    LimitSeen,
    Look,
    PreparedStep,
    Problem,
    Reading,
    Ready,
    Step,
    Tokens,
)
from socialcron.platforms.base import (
    App,
    Credentials,
    Declaration,
    Limit,
    Metrics,
    counts,
    default_error,
    key_text,
    optional_str,
    require,
)
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import flag, url_problems
from socialcron.platforms.text import field, with_link

if TYPE_CHECKING:
    import httpx

_DOCS = "https://docs.postgrest.org/en/stable/references"
_FOREVER_SECONDS = 10 * 365 * 86_400
_ONCE = "resolution=ignore-duplicates"
_NONE = ("", "-", "none")  # how a setting says that the table has no such column
_COUNTS = ("views", "likes", "comments", "shares", "saves")
_DEFAULTS = {
    "table": "content_posts",
    "schema": "",
    "rest_path": "/rest/v1",
    "column_id": "id",
    "column_key": "external_key",
    "column_platform": "platform",
    "column_text": "body",
    "column_media": "media",
    "column_scheduled_at": "scheduled_at",
    "column_link": "",
    **{f"column_{name}": "" for name in _COUNTS},
}


class Supabase:
    declaration: ClassVar[Declaration] = Declaration(
        name="supabase",
        title="Supabase table",
        documentation=f"{_DOCS}/api/tables_views.html",
        default_base_url=None,
        features=frozenset({"media", "link"}),
        limits=(
            Limit(
                name="row_bytes",
                value=1_000_000,
                unit="bytes of JSON",
                source="https://supabase.com/docs/guides/api",
                date="2026-09-11",
            ),
        ),
        credentials=(Credentials(name="API key", required=("key",)),),
        settings={
            "base_url": "the project's address, as in https://PROJECT.supabase.co",
            "rest_path": "where PostgREST is below base_url: /rest/v1, or - for a server of its own",
            "table": "the table that rows go into: content_posts",
            "schema": "the table's schema, where it is not the API's first",
            "platform": "what a row says its platform is; unset: the account's handle",
            "extra": 'further columns of every row, as JSON: {"status": "published"}',
            "column_id": "the primary key: id",
            "column_key": "the UNIQUE text column for the key of ours: external_key",
            "key_column_is_id": "true for a table without one: column_id is a uuid, and we choose it",
            "column_platform": "the column for the platform; - for none: platform",
            "column_text": "the column for the text: body",
            "column_media": "the JSON column for the list of media addresses: media",
            "column_scheduled_at": "the timestamptz column for the intended time; - for none: scheduled_at",
            "column_link": "a column for the link; unset: it stands at the end of the text",
            **{f"column_{name}": f"a column that counts {name}, to be read; unset: none" for name in _COUNTS},
            "url_template": "the public address of a row, as in https://example.com/posts/{id}",
        },
        options={"extra": "further columns of this row, as a JSON object; they beat the account's"},
        metrics=Metrics(
            batch_size=50,
            counts=frozenset(_COUNTS),
            source=f"{_DOCS}/api/tables_views.html",
            date="2026-09-11",
        ),
        reconcile="key",
        key_ttl_seconds=_FOREVER_SECONDS,
        honest_limits="Exactly once takes a UNIQUE column for the key (or a uuid primary key of our choice). A trigger "
        "that rewrites the text makes a row that was found again look like another's; a person then decides.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        problems = list(_setting_problems(settings))
        return problems or [problem for step in steps for problem in _problems(step, settings)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        """The kind of key decides on the headers.

        A legacy key is a JWT, and PostgREST takes the role from Authorization; a secret key (`sb_secret_`) is none
        and goes into `apikey` alone. Source: https://supabase.com/docs/guides/api/api-keys
        """
        where, key = str(account), str(credentials.get("key") or "")
        if not key or key.startswith("sb_publishable_"):
            raise AuthExpired(
                f"{where}: there is no key that may write",
                hint="Take the service_role key, or a newer one that may write, from the project's API settings.",
            )
        settings = {"platform": account.handle, **account.settings}
        base_url, rest_path = str(settings.get("base_url") or "").rstrip("/"), _setting(settings, "rest_path")
        if not base_url.startswith(("https://", "http://")):
            raise PlatformFailure(
                f"{where}: base_url must be the project's https address, not {base_url!r}",
                hint="`socialcron accounts set ID base_url=https://PROJECT.supabase.co` corrects it.",
                retryable=False,
            )
        if rest_path and not base_url.endswith(rest_path):
            base_url += "/" + rest_path.strip("/")

        def sign(request: httpx.Request) -> None:
            request.headers["apikey"] = key
            if not key.startswith("sb_secret_"):
                request.headers["authorization"] = f"Bearer {key}"

        return Session(
            base_url=base_url,
            where=where,
            http=http,
            authorize=sign,
            explain=lambda answer: _explain(answer, where, key),
            limits=_limits_seen,
            account_id=account.external_id,
            settings=settings,
            app=app,
        )

    def prepare(self, step: Step, session: Session) -> Ready:
        """The rendered request: where the row goes, and the row. Asks nothing: what is wrong, the insert says.

        {"table", "schema", "id", "key": columns, the latter None where the id is the key; "text": the column that is
        compared when the row is found again, None for no comparison; "row"}
        """
        settings = _checked(session)
        chosen = bool(flag(settings.get("key_column_is_id")))
        column_id, column_key = _setting(settings, "column_id"), _setting(settings, "column_key")
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"socialcron:{step.key}")) if chosen else step.key
        return Ready(
            request={
                "table": _setting(settings, "table"),
                "schema": _setting(settings, "schema") or None,
                "id": column_id,
                "key": None if chosen else column_key,
                "text": _setting(settings, "column_text") or None,
                "row": _row(step, settings) | {column_id if chosen else column_key: key},
            }
        )

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Insert the row unless it is there; `remote_id` is its id, whichever of the two it was.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://docs.postgrest.org/en/stable/references/api/tables_views.html#upsert
        """
        request = step.request
        params = {"select": _columns(request)} | ({"on_conflict": request["key"]} if request["key"] else {})
        headers = {"prefer": f"return=representation, {_ONCE}"}
        if request["schema"]:
            headers["content-profile"] = request["schema"]
        try:
            answer = session.write(
                "POST", _path(request["table"]), params=params, json=request["row"], headers=headers
            )
        except OutcomeUnknown as exc:
            if exc.http_status != 409:
                raise
            raise OutcomeUnknown(
                f"{session.where}: HTTP 409: a value is another row's and must be unique, or a reference leads nowhere",
                http_status=409,
            ) from exc
        if _ONCE not in answer.headers.get("preference-applied", ""):
            session.memo[_memo(session)] = False
        if not isinstance(answer.json, list):
            raise OutcomeUnknown(
                f"{session.where}: HTTP {answer.status}, but no list of rows", http_status=answer.status
            )
        if answer.json:
            if confirmed := _confirmed(answer.json[0], request, session):
                return confirmed
            raise OutcomeUnknown(f"{session.where}: the new row has no usable id", http_status=answer.status)
        return self._adopt(step, session)

    def _adopt(self, step: PreparedStep, session: Session) -> Confirmed:
        """The row that kept ours out. Row level security may hide it from us although it is there."""
        try:
            look = self.reconcile(step, session)
        except PlatformError as exc:
            raise OutcomeUnknown(f"{session.where}: the row is there, but {exc.message}") from exc
        if look.matches:
            return look.matches[0]
        why = look.unanswerable or "it is not shown to us (row level security?)"
        raise OutcomeUnknown(f"{session.where}: nothing was inserted because the row is there, but {why}")

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Read the row by its key. An absence takes the count that PostgREST was asked for, not just an empty list.

        `key_works` is False once an insert of this run was answered without the preference that makes repeats safe.
        Source: https://docs.postgrest.org/en/stable/references/api/pagination_count.html#exact-count
        """
        request, key_works = step.request, session.memo.get(_memo(session), True)
        column = request["key"] or request["id"]
        answer = _read(session, request, column, request["row"][column])
        if not isinstance(answer.json, list):
            raise PlatformFailure(f"{session.where}: the answer is not a list of rows", retryable=True)
        if not answer.json:
            counted = answer.headers.get("content-range", "").endswith("/0")
            return Look(complete=counted, key_works=key_works)
        confirmed = _confirmed(answer.json[0], request, session)
        if confirmed is None:
            raise PlatformFailure(f"{session.where}: the row has no usable id", retryable=True)
        text = request["text"]
        if text in request["row"] and answer.json[0].get(text) != request["row"][text]:
            return Look(
                complete=False, unanswerable=f"row {confirmed.remote_id} has our key and another {text}"
            )
        return Look(matches=(confirmed,), key_works=key_works)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Closed]:
        """The columns that the settings name for counts, of at most 50 rows; closed where they name none.

        A row that is missing may be hidden by row level security, or not have reached the replica that was asked.
        Source: https://docs.postgrest.org/en/stable/references/api/tables_views.html#operators
        """
        settings = _checked(session)
        column_id, schema = _setting(settings, "column_id"), _setting(settings, "schema")
        column = {name: _setting(settings, f"column_{name}") for name in _COUNTS}
        named = [column[name] for name in _COUNTS if column[name]]
        if not named:
            said = f"{session.where}: the settings name no column that counts something (column_views, ...)"
            return dict.fromkeys(remote_ids, Closed(PlatformFailure(said, retryable=False)))
        params = {
            column_id: f"in.({','.join(map(_quoted, remote_ids))})",
            "select": ",".join(dict.fromkeys((column_id, *named))),
        }
        headers = {"accept-profile": schema} if schema else {}
        answer = session.read("GET", _path(_setting(settings, "table")), params=params, headers=headers)
        if not isinstance(answer.json, list):
            raise PlatformFailure(f"{session.where}: the answer is not a list of rows", retryable=True)
        found: dict[str, Reading | Closed] = {}
        for row in answer.json:
            raw = counts(row, *named)
            remote_id = str(require(row, column_id, (str, int), session.where))
            found[remote_id] = Reading(**{name: raw.get(column[name]) for name in _COUNTS}, raw=raw)
        return found

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """Keys are long-lived."""
        return False

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        raise AuthExpired(f"{account}: API keys cannot be refreshed", hint="Make a new key in the project.")

    def identify(self, session: Session) -> Identity:
        """The feed: server, table and platform. Reads no row, but asks for every column that settling needs."""
        settings = session.settings
        chosen = flag(settings.get("key_column_is_id"))
        request = {
            "table": _setting(settings, "table"),
            "schema": _setting(settings, "schema"),
            "id": _setting(settings, "column_id"),
            "key": "" if chosen else _setting(settings, "column_key"),
            "text": _setting(settings, "column_text"),
        }
        answer = _read(session, request, request["key"] or request["id"], str(uuid.UUID(int=0)))
        if not isinstance(answer.json, list) or "/" not in answer.headers.get("content-range", ""):
            raise PlatformFailure(
                f"{session.where}: this is no PostgREST",
                retryable=False,
                hint="Are base_url and rest_path right?",
            )
        table = ".".join(filter(None, (request["schema"], request["table"])))
        host, platform = urlsplit(session.base_url).netloc, str(settings["platform"])
        return Identity(external_id=f"{host}/{table}/{platform}", handle=platform)


# --- rows ----------------------------------------------------------------------------------------------


def _setting(settings: Mapping[str, Any], name: str) -> str:
    """As set, else the default; empty for a column there is not."""
    value = str(settings.get(name, _DEFAULTS[name]))
    return "" if value in _NONE else value


def _row(step: Step, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Everything but the key. A column that has nothing to hold is left out, so that the table's default applies."""
    column = {name: _setting(settings, name) for name in _DEFAULTS}
    row = _extra(settings.get("extra")) | _extra(step.options.get("extra"))
    link_apart = bool(column["column_link"])
    values: dict[str, Any] = {
        "column_platform": settings.get("platform"),
        "column_text": step.text if link_apart else with_link(step.text, step.link),
        "column_media": [item.url or item.source for item in step.media],
        "column_scheduled_at": step.due_at.isoformat() if step.due_at else None,
        "column_link": step.link if link_apart else None,
    }
    return row | {column[name]: value for name, value in values.items() if column[name] and value}


def _extra(value: Any) -> dict[str, Any]:
    """A JSON object, or its text. Raises ValueError for anything else."""
    if isinstance(value, str):
        value = json.loads(value)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("not an object")
    return dict(value)


def _problems(step: Step, settings: Mapping[str, Any]) -> Iterator[Problem]:
    if not (step.text.strip() or step.media or step.link):
        yield Problem(field=field(step), message="empty, without media")
    try:
        row = _row(step, settings)
    except ValueError:
        yield Problem(field="options.extra", message="must be a JSON object")
        return
    yield from url_problems(step.media, "whoever reads the table")
    if step.media and not _setting(settings, "column_media"):
        yield Problem(
            field="media", message=f"{len(step.media)} attachments, but the table has no column_media (0)"
        )
    if (size := len(json.dumps(row, ensure_ascii=False).encode())) > (
        most := Supabase.declaration.limit("row_bytes")
    ):
        yield Problem(field=field(step), message=f"a row of {size} bytes of JSON, at most {most:.0f}")


def _checked(session: Session) -> Mapping[str, Any]:
    """The settings. Raises PlatformFailure for those no request can be made of."""
    if problems := list(_setting_problems(session.settings)):
        raise PlatformFailure(f"{session.where}: {'; '.join(map(str, problems))}", retryable=False)
    return session.settings


def _setting_problems(settings: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("table", "column_id", "column_key", "column_text"):
        if not _setting(settings, name) and not (
            name == "column_key" and flag(settings.get("key_column_is_id"))
        ):
            yield Problem(field=f"settings.{name}", message="cannot be left out")
    for name in _DEFAULTS:
        value = _setting(settings, name)
        if name != "rest_path" and value and not re.fullmatch(r"[^\W\d][\w$-]*", value):
            yield Problem(
                field=f"settings.{name}", message=f"{value!r} is not a name as tables and columns have"
            )
    try:
        _extra(settings.get("extra"))
    except ValueError:
        yield Problem(field="settings.extra", message="must be a JSON object")
    if settings.get("key_column_is_id") is not None and flag(settings["key_column_is_id"]) is None:
        value = settings["key_column_is_id"]
        yield Problem(field="settings.key_column_is_id", message=f"{value!r} is neither true nor false")
    template = str(settings.get("url_template") or "https://")
    if not template.startswith(("https://", "http://")):
        yield Problem(field="settings.url_template", message=f"{template!r} is no http(s) address")


# --- requests and answers ------------------------------------------------------------------------------


def _path(table: str) -> str:
    return f"/{quote(table, safe='')}"


def _quoted(value: str) -> str:
    """As a member of a list: quotes keep commas and brackets from ending it.

    Source: https://docs.postgrest.org/en/stable/references/api/url_grammar.html#reserved-characters
    """
    return value if re.fullmatch(r"[\w-]+", value) else '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _columns(request: Mapping[str, Any]) -> str:
    """What is needed of a row that is there, each once and in order."""
    return ",".join(dict.fromkeys(filter(None, (request["id"], request["key"], request["text"]))))


def _read(session: Session, request: Mapping[str, Any], column: str, value: str) -> Answer:
    params = {column: f"eq.{value}", "select": _columns(request), "limit": "1"}
    headers = {"prefer": "count=exact"} | ({"accept-profile": request["schema"]} if request["schema"] else {})
    return session.read("GET", _path(request["table"]), params=params, headers=headers)


def _memo(session: Session) -> str:
    return f"supabase {session.where} keys"


def _confirmed(row: Any, request: Mapping[str, Any], session: Session) -> Confirmed | None:
    """None when the row has no id: a number or a text."""
    value = row.get(request["id"]) if isinstance(row, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        return None
    template = session.settings.get("url_template")
    url = str(template).replace("{id}", quote(str(value), safe="")) if template else None
    return Confirmed(remote_id=str(value), url=url)


def _explain(answer: Answer, where: str, key: str) -> PlatformError:
    """By the SQLSTATE or PostgREST's own code; what has none comes from the gateway in front of it.

    Source: https://docs.postgrest.org/en/stable/references/errors.html
    """
    status, body = answer.status, answer.json
    code, told = optional_str(body, "code") or "", optional_str(body, "message") or ""
    detail = f"{code} {told}".strip().replace(key, "[key]")[:300]
    said = f"{where}: HTTP {status}{': ' + detail if detail else ''}"
    if status == 429:
        return RateLimited(said, retry_after=answer.retry_after, http_status=status)
    if status == 401 or code == "42501" or code.startswith("PGRST30"):
        hint = "Is it a key of this project that may write, and may its role insert and select?"
        return AuthExpired(said, hint=hint, http_status=status)
    if status == 409 and code == "23505":
        return Duplicate(said, http_status=status)
    if status == 403 and not code:
        return PlatformFailure(
            f"{said}, from something in front of the database", retryable=True, http_status=status
        )
    if status in (406, 409):
        return Rejected(said, http_status=status)
    if status == 404:
        hint = "Are base_url, rest_path, schema and table right? A new table takes: notify pgrst, 'reload schema'."
        return PlatformFailure(said, retryable=False, hint=hint, http_status=status)
    if code in ("PGRST204", "42703", "42P10"):
        hint = (
            "Name the table's columns: `socialcron accounts set ID column_...=NAME`, and give it the key column as the "
            "README shows: it must be UNIQUE. After a change: notify pgrst, 'reload schema'."
        )
        return Rejected(said, hint=hint, http_status=status)
    if status in (500, 503, 504) and code:
        return PlatformFailure(said, retryable=True, retry_after=answer.retry_after, http_status=status)
    if status >= 500:
        return Unavailable(said, retry_after=answer.retry_after, http_status=status)
    return default_error(answer, where, detail)


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """PostgREST has no limits of its own, and gateways announce none."""
    if answer.status == 429:
        family = "publish" if answer.method == "POST" else "read"
        yield LimitSeen(family=family, retry_after=answer.retry_after, blocked=True)
