"""Supabase and PostgREST: requests and documented answers.

Recordings follow https://docs.postgrest.org/en/stable/references/ (api/tables_views, api/preferences,
api/pagination_count, errors) and PostgREST's own UpsertSpec.hs: an ignored insert answers 201 with an empty list.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

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
    Look,
    Media,
    PreparedStep,
    Reading,
    Ready,
    Step,
)
from socialcron.platforms.base import App
from socialcron.platforms.http import Answer, Session
from socialcron.platforms.supabase import Supabase
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, Kind, Sample, says

TABLE = {"table": "content_posts", "schema": None, "id": "id", "key": "external_key", "text": "body"}
ROW = {"platform": "blog", "body": "Hello", "external_key": "the-key"}
APPLIED = {"preference-applied": "return=representation, resolution=ignore-duplicates"}


def as_stored(request: httpx.Request) -> dict[str, Any]:
    return {**TABLE, "row": json.loads(request.content)}


SAMPLE = Sample(
    credentials={"key": "eyJ-secret-service-role"},
    token="key",
    settings={"platform": "blog", "column_views": "views"},
    request={**TABLE, "row": ROW},
    created=(201, [{"id": 7, "external_key": "the-key", "body": "Hello"}]),
    created_headers=APPLIED,
    body=as_stored,
)

KINDS = (
    Kind(
        "supabase",
        "row",
        says("Good morning", link="https://blog.example/1"),
        {f"column_{name}": name for name in ("views", "likes", "comments", "shares", "saves")},
    ),
    Kind("supabase", "row with media", says("A picture", CAT)),
)

SUPABASE = Supabase()
KEY = "eyJ-the-key"
DUE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
POST, GET = "POST /rest/v1/content_posts", "GET /rest/v1/content_posts"


def session(wire: Wire, key: str = KEY, **settings: Any) -> Session:
    account = Account(
        id=1,
        platform="supabase",
        handle="blog",
        settings={"base_url": "https://abc.supabase.co", **settings},
    )
    return SUPABASE.connect(account, {"key": key}, App(), wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, key="the-key", **parts)


def rendered(wire: Wire, what: Step, **settings: Any) -> dict[str, Any]:
    assert SUPABASE.validate([what], settings) == []
    ready = SUPABASE.prepare(what, session(wire, **settings))
    assert isinstance(ready, Ready)
    assert json.loads(json.dumps(ready.request)) == ready.request
    return dict(ready.request)


def sent(**parts: Any) -> PreparedStep:
    request = {**TABLE, "row": ROW, **parts}
    return PreparedStep(number=0, kind="post", key="the-key", request=request, first_sending_at=DUE, sends=1)


def row(**parts: Any) -> dict[str, Any]:
    return {"id": 7, "external_key": "the-key", "body": "Hello", **parts}


def problems(what: Step, **settings: Any) -> list[str]:
    return [str(problem) for problem in SUPABASE.validate([what], settings)]


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "settings", "message"),
    [
        ({"text": " "}, {}, "text: empty, without media"),
        ({"text": "é" * 500_000}, {}, "text: a row of 1000012 bytes of JSON, at most 1000000"),
        ({"options": {"extra": "["}}, {}, "options.extra: must be a JSON object"),
        ({"options": {"extra": [1]}}, {}, "options.extra: must be a JSON object"),
        (
            {"media": (Media(source="cat.png", mime_type="image/png"),)},
            {},
            "media[1]: cat.png has no public address",
        ),
        (
            {"media": (Media(source="a", url="https://m.example/a"),)},
            {"column_media": "-"},
            "media: 1 attachments, but the table has no column_media",
        ),
        ({}, {"extra": "nonsense"}, "settings.extra: must be a JSON object"),
        ({}, {"table": "a/b"}, "settings.table: 'a/b' is not a name"),
        ({}, {"column_text": "none"}, "settings.column_text: cannot be left out"),
        ({}, {"column_media": "a,b"}, "settings.column_media: 'a,b' is not a name"),
        ({}, {"key_column_is_id": "perhaps"}, "settings.key_column_is_id: 'perhaps' is neither"),
        ({}, {"url_template": "/posts/{id}"}, "settings.url_template: '/posts/{id}' is no http(s) address"),
    ],
)
def test_validate__names_the_field_and_what_is_wrong(
    wrong: dict[str, Any], settings: dict[str, str], message: str
) -> None:
    wrong = dict(wrong)
    (problem,) = problems(step(wrong.pop("text", "Hello"), **wrong), **settings)
    assert problem.startswith(message)


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__renders_the_row_of_the_documented_table(wire: Wire) -> None:
    media = (Media(source="1.jpg", url="https://cdn.example.com/1.jpg"),)
    assert rendered(wire, step(link="https://example.com/", media=media, due_at=DUE)) == {
        **TABLE,
        "row": {
            "external_key": "the-key",
            "platform": "blog",
            "body": "Hello\nhttps://example.com/",
            "media": ["https://cdn.example.com/1.jpg"],
            "scheduled_at": "2026-01-02T03:04:05+00:00",
        },
    }


def test_prepare__columns_are_the_operators_choice(wire: Wire) -> None:
    request = rendered(
        wire,
        step(link="https://example.com/", due_at=DUE, options={"extra": {"title": "Hi", "status": "draft"}}),
        table="entries",
        schema="blog",
        platform="News",
        column_id="entry_id",
        column_key="dedup",
        column_text="content",
        column_link="href",
        column_platform="-",
        column_scheduled_at="none",
        extra='{"status": "published", "content": "ours goes first"}',
    )
    assert request == {
        "table": "entries",
        "schema": "blog",
        "id": "entry_id",
        "key": "dedup",
        "text": "content",
        "row": {
            "dedup": "the-key",
            "content": "Hello",
            "href": "https://example.com/",
            "title": "Hi",
            "status": "draft",
        },
    }


def test_prepare__the_id_can_be_the_key(wire: Wire) -> None:
    first, again, other = (
        rendered(wire, Step(number=0, kind="post", text="Hello", key=key), key_column_is_id="true")
        for key in ("a", "a", "b")
    )
    assert first["key"] is None
    assert uuid.UUID(first["row"]["id"]).version == 5
    assert first["row"] == again["row"]
    assert first["row"]["id"] != other["row"]["id"]
    assert "external_key" not in first["row"]


def test_prepare__says_which_setting_is_wrong(wire: Wire) -> None:
    with pytest.raises(PlatformFailure, match=r"settings\.extra"):
        SUPABASE.prepare(step(), session(wire, extra="[]"))


# --- connect -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "authorization"),
    [("eyJhbGciOi.J9.x", "Bearer eyJhbGciOi.J9.x"), ("sb_secret_abc", None), ("other", "Bearer other")],
)
def test_connect__the_kind_of_key_decides_on_the_headers(
    wire: Wire, key: str, authorization: str | None
) -> None:
    """https://supabase.com/docs/guides/api/api-keys"""
    wire.expect(POST, 201, json=[row()], headers=APPLIED)
    SUPABASE.send_step(sent(), session(wire, key))
    assert wire.last.headers["apikey"] == key
    assert wire.last.headers.get("authorization") == authorization
    assert wire.last.headers["user-agent"].startswith("socialcron")


@pytest.mark.parametrize("key", ["", "sb_publishable_abc"])
def test_connect__takes_no_key_that_cannot_write(wire: Wire, key: str) -> None:
    with pytest.raises(AuthExpired, match="no key that may write"):
        session(wire, key)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "/rest/v1/content_posts"),
        ({"base_url": "https://abc.supabase.co/rest/v1"}, "/rest/v1/content_posts"),
        ({"rest_path": "-"}, "/content_posts"),
        ({"rest_path": "api/"}, "/api/content_posts"),
        ({"base_url": "http://127.0.0.1:9/supabase"}, "/supabase/rest/v1/content_posts"),
    ],
)
def test_connect__finds_the_api_below_the_base_url(wire: Wire, settings: dict[str, str], path: str) -> None:
    wire.expect(f"POST {path}", 201, json=[row()], headers=APPLIED)
    SUPABASE.send_step(sent(), session(wire, **settings))


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__inserts_the_row_once_whatever_happens(wire: Wire) -> None:
    wire.expect(POST, 201, json=[row()], headers=APPLIED)
    confirmed = SUPABASE.send_step(sent(), session(wire))
    assert confirmed == Confirmed(remote_id="7")
    assert dict(wire.last.url.params) == {"select": "id,external_key,body", "on_conflict": "external_key"}
    assert wire.last.headers["prefer"] == "return=representation, resolution=ignore-duplicates"
    assert wire.last.headers["content-type"] == "application/json"
    assert "content-profile" not in wire.last.headers
    assert wire.sent == ROW


def test_send_step__without_a_key_column_the_primary_key_is_the_conflict(wire: Wire) -> None:
    wire.expect(POST, 201, json=[{"id": "u-1"}], headers=APPLIED)
    confirmed = SUPABASE.send_step(sent(key=None, row={"id": "u-1", "body": "Hello"}), session(wire))
    assert confirmed.remote_id == "u-1"
    assert dict(wire.last.url.params) == {"select": "id,body"}


def test_send_step__names_the_schema_and_makes_the_address(wire: Wire) -> None:
    wire.expect(POST, 201, json=[row(id="a b")], headers=APPLIED)
    confirmed = SUPABASE.send_step(
        sent(schema="blog"), session(wire, url_template="https://example.com/posts/{id}")
    )
    assert confirmed.url == "https://example.com/posts/a%20b"
    assert wire.last.headers["content-profile"] == "blog"


def test_send_step__adopts_the_row_that_is_already_there(wire: Wire) -> None:
    """https://docs.postgrest.org/en/stable/references/api/tables_views.html#upsert : 201 and an empty list."""
    wire.expect(POST, 201, json=[], headers=APPLIED)
    wire.expect(GET, json=[row()], headers={"content-range": "0-0/1"})
    assert SUPABASE.send_step(sent(), session(wire)) == Confirmed(remote_id="7")
    assert dict(wire.last.url.params) == {
        "external_key": "eq.the-key",
        "select": "id,external_key,body",
        "limit": "1",
    }


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (
            200,
            {"json": [row(body="Another text")], "headers": {"content-range": "0-0/1"}},
            "row 7 has our key",
        ),
        (200, {"json": [], "headers": {"content-range": "*/0"}}, "not shown to us"),
        (200, {"json": [{"id": None}]}, "no usable id"),
        (401, {"json": {"code": "PGRST301", "message": "JWT expired"}}, "JWT expired"),
    ],
)
def test_send_step__a_row_that_cannot_be_adopted_is_unknown(
    wire: Wire, status: int, answer: dict[str, Any], words: str
) -> None:
    wire.expect(POST, 201, json=[], headers=APPLIED)
    wire.expect(GET, status, **answer)
    mine = session(wire)
    with pytest.raises(OutcomeUnknown, match=words):
        SUPABASE.send_step(sent(), mine)
    assert mine.visible == "open"


@pytest.mark.parametrize("body", ["", "{}", '[{"id": null}]', '[{"id": true}]', '[{"other": 1}]', '["x"]'])
def test_send_step__success_without_an_id_is_unknown(wire: Wire, body: str) -> None:
    wire.expect(POST, 201, text=body, headers=APPLIED)
    mine = session(wire)
    with pytest.raises(OutcomeUnknown):
        SUPABASE.send_step(sent(), mine)
    assert mine.visible == "open"


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "retryable"),
    [
        (400, "22P02", "invalid input syntax for type bigint", Rejected, False),
        (400, "22001", "value too long for type character varying(10)", Rejected, False),
        (400, "23502", "null value in column violates not-null constraint", Rejected, False),
        (400, "PGRST204", "Could not find the 'media' column in the schema cache", Rejected, False),
        (400, "42P10", "no unique constraint matching the ON CONFLICT specification", Rejected, False),
        (400, "P0001", "refused by a trigger", Rejected, False),
        (401, "PGRST301", "JWT cryptographic operation failed", AuthExpired, False),
        (401, "", "Invalid API key", AuthExpired, False),
        (401, "42501", "permission denied for table content_posts", AuthExpired, False),
        (403, "42501", "new row violates row-level security policy", AuthExpired, False),
        (403, "", "Forbidden", PlatformFailure, True),
        (404, "PGRST205", "Could not find the table in the schema cache", PlatformFailure, False),
        (404, "42P01", "relation does not exist", PlatformFailure, False),
        (413, "", "Payload too large", Rejected, False),
    ],
)
def test_send_step__a_refusal_says_what_was_refused(
    wire: Wire, status: int, code: str, message: str, kind: type[PlatformError], retryable: bool
) -> None:
    """https://docs.postgrest.org/en/stable/references/errors.html"""
    body = {"code": code, "message": message, "details": None, "hint": None} if code else {"message": message}
    wire.expect(POST, status, json=body)
    mine = session(wire)
    with pytest.raises(PlatformError) as caught:
        SUPABASE.send_step(sent(), mine)
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
    said = f"{code} {message}".strip()
    assert caught.value.message.startswith(f"supabase account 'blog' (id 1): HTTP {status}: {said}")
    assert mine.visible == "refused"


def test_send_step__a_conflict_elsewhere_is_unknown_and_says_where_to_look(wire: Wire) -> None:
    wire.expect(POST, 409, json={"code": "23505", "message": "duplicate key value"})
    with pytest.raises(OutcomeUnknown, match="must be unique"):
        SUPABASE.send_step(sent(), session(wire))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (406, "PGRST106", Rejected),
        (409, "23505", Duplicate),
        (409, "23503", Rejected),
        (500, "40001", PlatformFailure),
        (500, "57014", PlatformFailure),
        (503, "PGRST001", PlatformFailure),
        (504, "PGRST003", PlatformFailure),
        (502, "", Unavailable),
        (522, "", Unavailable),
    ],
)
def test_explain__knows_what_only_reads_can_meet(
    wire: Wire, status: int, code: str, kind: type[PlatformError]
) -> None:
    body = json.dumps({"code": code, "message": "m"}).encode() if code else b"<html>"
    error = session(wire).explain(Answer(status=status, headers={}, body=body))
    assert type(error) is kind
    assert error.retryable is (status >= 500)


@pytest.mark.parametrize("status", [302, 408, 406, 500, 502, 503, 504, 522])
def test_send_step__anything_else_leaves_the_outcome_unknown(wire: Wire, status: int) -> None:
    wire.expect(POST, status, text="<html>")
    with pytest.raises(OutcomeUnknown):
        SUPABASE.send_step(sent(), session(wire))


def test_send_step__a_gateways_limit_is_waited_out(wire: Wire) -> None:
    wire.expect(POST, 429, json={"message": "slow down"}, headers={"retry-after": "9"})
    mine = session(wire)
    with pytest.raises(RateLimited) as caught:
        SUPABASE.send_step(sent(), mine)
    assert caught.value.retry_after == 9
    assert [(seen.family, seen.blocked) for seen in mine.seen] == [("publish", True)]


def test_send_step__a_key_that_is_repeated_in_an_error_is_hidden(wire: Wire) -> None:
    wire.expect(POST, 400, json={"code": "P0001", "message": f"you sent {KEY}"})
    mine = session(wire)
    with pytest.raises(Rejected) as caught:
        SUPABASE.send_step(sent(), mine)
    assert KEY not in f"{caught.value} {caught.value!r} {caught.value.hint} {mine!r}"


# --- reconcile ---------------------------------------------------------------------------------------------


def test_reconcile__finds_the_row_by_its_key(wire: Wire) -> None:
    wire.expect(GET, json=[row()], headers={"content-range": "0-0/1"})
    look = SUPABASE.reconcile(sent(schema="blog"), session(wire))
    assert look == Look(matches=(Confirmed(remote_id="7"),), complete=True, key_works=True)
    assert wire.last.headers["accept-profile"] == "blog"
    assert wire.last.headers["prefer"] == "count=exact"


def test_reconcile__finds_it_by_the_id_where_that_is_the_key(wire: Wire) -> None:
    wire.expect(GET, json=[{"id": "u-1", "body": "Hello"}], headers={"content-range": "0-0/1"})
    look = SUPABASE.reconcile(sent(key=None, row={"id": "u-1", "body": "Hello"}), session(wire))
    assert [match.remote_id for match in look.matches] == ["u-1"]
    assert wire.last.url.params["id"] == "eq.u-1"


@pytest.mark.parametrize(("header", "complete"), [({"content-range": "*/0"}, True), ({}, False)])
def test_reconcile__an_absence_takes_a_count_of_nought(
    wire: Wire, header: dict[str, str], complete: bool
) -> None:
    wire.expect(GET, json=[], headers=header)
    look = SUPABASE.reconcile(sent(), session(wire))
    assert look == Look(complete=complete, key_works=True)


def test_reconcile__another_text_under_our_key_is_left_to_a_person(wire: Wire) -> None:
    wire.expect(GET, json=[row(body="Another text")], headers={"content-range": "0-0/1"})
    look = SUPABASE.reconcile(sent(), session(wire))
    assert (look.complete, look.matches) == (False, ())
    assert look.unanswerable == "row 7 has our key and another body"


def test_reconcile__a_row_without_text_is_not_compared(wire: Wire) -> None:
    wire.expect(GET, json=[row(body="")], headers={"content-range": "0-0/1"})
    look = SUPABASE.reconcile(sent(row={"media": ["u"], "external_key": "the-key"}), session(wire))
    assert len(look.matches) == 1


def test_reconcile__repeats_are_not_safe_where_the_preference_was_not_honoured(wire: Wire) -> None:
    """https://docs.postgrest.org/en/stable/references/api/preferences.html"""
    first, second = session(wire), session(wire)
    second.memo = first.memo
    wire.expect(POST, 201, json=[row()], headers={"preference-applied": "return=representation"})
    SUPABASE.send_step(sent(), first)
    wire.expect(GET, json=[], headers={"content-range": "*/0"})
    assert not SUPABASE.reconcile(sent(), second).key_works


def test_reconcile__is_good_for_years() -> None:
    assert SUPABASE.declaration.key_ttl_seconds == 315_360_000
    assert SUPABASE.declaration.look_in_seconds(60) == 0


# --- read_metrics ------------------------------------------------------------------------------------------

COUNTED = {"column_views": "views", "column_likes": "hearts"}


def test_read_metrics__reads_the_columns_that_are_named(wire: Wire) -> None:
    wire.expect(GET, json=[{"id": 7, "views": 900, "hearts": "20"}, {"id": 8, "views": None, "hearts": -1}])
    found = SUPABASE.read_metrics(["7", "8"], session(wire, **COUNTED))
    assert dict(wire.last.url.params) == {"id": "in.(7,8)", "select": "id,views,hearts"}
    assert found == {"7": Reading(views=900, likes=20, raw={"views": 900, "hearts": 20}), "8": Reading()}


def test_read_metrics__names_schema_and_key_as_the_insert_does(wire: Wire) -> None:
    number = "9f3c2b1e-0000-4000-8000-000000000001"
    wire.expect("GET /rest/v1/notes", json=[{"uid": number, "n": 0}])
    settings = {"table": "notes", "schema": "app", "column_id": "uid", "column_saves": "n"}
    found = SUPABASE.read_metrics([number], session(wire, **settings))
    assert wire.last.headers["accept-profile"] == "app"
    assert found == {number: Reading(saves=0, raw={"n": 0})}


def test_read_metrics__no_id_ends_the_list(wire: Wire) -> None:
    wire.expect(GET, json=[])
    assert SUPABASE.read_metrics(["a,b", 'c")', "d\\"], session(wire, **COUNTED)) == {}
    assert wire.last.url.params["id"] == r'in.("a,b","c\")","d\\")'


def test_read_metrics__a_missing_row_was_not_answered_about(wire: Wire) -> None:
    wire.expect(GET, json=[])
    assert SUPABASE.read_metrics(["7"], session(wire, **COUNTED)) == {}


def test_read_metrics__asks_nothing_where_no_column_is_named(wire: Wire) -> None:
    [closed] = SUPABASE.read_metrics(["7"], session(wire)).values()
    assert isinstance(closed, Closed)
    assert "column_views" in str(closed.error)


def test_read_metrics__a_column_that_is_none_is_said_before_asking(wire: Wire) -> None:
    assert SUPABASE.validate([step()], {"column_views": "count(*)"}) != []
    with pytest.raises(PlatformFailure, match="column_views"):
        SUPABASE.read_metrics(["7"], session(wire, column_views="count(*)"))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": "PGRST301", "message": "JWSError"}, AuthExpired),
        (400, {"code": "42703", "message": "column content_posts.hearts does not exist"}, Rejected),
        (404, {"code": "PGRST205", "message": "Could not find the table"}, PlatformFailure),
        (503, {"code": "PGRST001", "message": "no connection"}, PlatformFailure),
        (200, {}, PlatformFailure),
        (200, [{"views": 1}], PlatformFailure),
        (200, ["row"], PlatformFailure),
    ],
)
def test_read_metrics__trouble_is_an_error(
    wire: Wire, status: int, body: Any, kind: type[PlatformError]
) -> None:
    wire.expect(GET, status, json=body)
    with pytest.raises(kind):
        SUPABASE.read_metrics(["7"], session(wire, **COUNTED))


# --- the rest ----------------------------------------------------------------------------------------------


def test_identify__is_the_feed_and_asks_for_the_columns(wire: Wire) -> None:
    wire.expect(GET, json=[], headers={"content-range": "*/0"})
    identity = SUPABASE.identify(session(wire, schema="blog", platform="News"))
    assert identity == Identity(external_id="abc.supabase.co/blog.content_posts/News", handle="News")
    assert wire.last.url.params["select"] == "id,external_key,body"


def test_identify__a_web_page_is_no_table(wire: Wire) -> None:
    wire.expect(GET, json=[])
    with pytest.raises(PlatformFailure, match="no PostgREST"):
        SUPABASE.identify(session(wire))


def test_refresh__is_never_possible(wire: Wire) -> None:
    assert not SUPABASE.can_refresh({"key": KEY})
    with pytest.raises(AuthExpired):
        SUPABASE.refresh(Account(id=1, platform="supabase", handle="b"), {}, App(), wire.http)


def test_media__local_files_need_an_address(tmp_path: Path) -> None:
    local = Media(source="cat.png", path=tmp_path / "cat.png", mime_type="image/png")
    assert problems(step(media=(local,)))[0].startswith("media[1]: cat.png has no public address")
