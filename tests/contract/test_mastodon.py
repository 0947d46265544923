"""Mastodon: requests and documented answers.

Recordings follow https://docs.joinmastodon.org/methods/ {statuses, media, accounts, instance, oauth} and
https://docs.joinmastodon.org/entities/ {Status, Instance, Error}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import (
    Account,
    Confirmed,
    Gone,
    Media,
    Poll,
    PreparedStep,
    Reading,
    Ready,
    Saved,
    Step,
    Wait,
)
from socialcron.platforms.base import App, OneByOne
from socialcron.platforms.http import Session
from socialcron.platforms.mastodon import Mastodon
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, FILM, TEA_OR_COFFEE, THREAD, Kind, Sample, says

SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    request={"status": "Hello"},
    handles={"account_id": "7", "key_works": True},
    prepare_handles={"account_id": "7", "key_works": True},  # it reads the instance before it uploads
    created=(200, {"id": "103", "url": "https://platform.example/@me/103"}),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
)

KINDS = (
    *(
        kind
        for platform in ("mastodon", "mastodon-nokey")
        for kind in (
            Kind(platform, "text", says("Good morning")),
            Kind(platform, "link", says("Read this", link="https://blog.example/1")),
            Kind(platform, "images", says("Two pictures", CAT, DOG)),
            Kind(platform, "thread", THREAD, visible=4),
        )
    ),
    Kind("mastodon", "video", says("A film", FILM)),
    Kind("mastodon", "poll", says("Which?", poll=TEA_OR_COFFEE)),
)

MASTODON = Mastodon()
SENT_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = "the-token"

# https://docs.joinmastodon.org/entities/Instance/
INSTANCE = {
    "version": "4.5.0",
    "configuration": {
        "statuses": {"max_characters": 500, "max_media_attachments": 4, "characters_reserved_per_url": 23},
        "media_attachments": {
            "supported_mime_types": ["image/jpeg", "image/png", "image/webp", "video/mp4"],
            "description_limit": 1500,
            "image_size_limit": 16777216,
            "video_size_limit": 103809024,
        },
        "polls": {
            "max_options": 4,
            "max_characters_per_option": 50,
            "min_expiration": 300,
            "max_expiration": 2629746,
        },
    },
}
# https://docs.joinmastodon.org/methods/statuses/#create
STATUS: dict[str, Any] = {
    "id": "103254962155278888",
    "created_at": "2026-01-02T03:04:05.678Z",
    "uri": "https://m.example/users/me/statuses/103254962155278888",
    "url": "https://m.example/@me/103254962155278888",
    "content": "<p>Hello</p>",
    "in_reply_to_id": None,
    "spoiler_text": "",
    "media_attachments": [],
    "poll": None,
}
ME = {"id": "7", "acct": "me"}


def account(**settings: str) -> Account:
    return Account(
        id=1, platform="mastodon", handle="@me", settings={"base_url": "https://m.example", **settings}
    )


def session(wire: Wire, **settings: str) -> Session:
    return MASTODON.connect(account(**settings), {"access_token": TOKEN}, App(), wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(
        number=parts.pop("number", 0), kind=parts.pop("kind", "post"), text=text, key="the-key", **parts
    )


def sent(request: Mapping[str, Any], **handles: Any) -> PreparedStep:
    return PreparedStep(
        number=0,
        kind="post",
        key="the-key",
        request=request,
        handles={"account_id": "7", "key_works": True, **handles},
        first_sending_at=SENT_AT,
        sends=1,
    )


def meet(wire: Wire, **instance: Any) -> None:
    wire.expect("GET /api/v2/instance", json={**INSTANCE, **instance})
    wire.expect("GET /api/v1/accounts/verify_credentials", json=ME)


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(b"PNG bytes")
    return Media(source="cat.png", alt="a cat", path=path, mime_type="image/png", size_bytes=9)


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("hi https://example.com/very/long", 26),
        ("@bob@other.example hi", 7),
        ("👨‍👩‍👧‍👦", 1),
        ("(https://example.com/a/very/long/way).", 26),
        ("mail bob@other.example", 22),
    ],
)
def test_validate__counts_as_the_server_does(text: str, characters: int) -> None:
    fits = step(f"x {text}")
    assert MASTODON.validate([fits], {"max_characters": 2 + characters}) == []
    (problem,) = MASTODON.validate([fits], {"max_characters": 1 + characters})
    assert str(problem).startswith(f"text: {2 + characters} characters, at most {1 + characters}")


def test_validate__counts_the_content_warning_and_the_link() -> None:
    (problem,) = MASTODON.validate(
        [step("x" * 470, link="https://example.com/", options={"spoiler_text": "spider!"})], {}
    )
    assert "501 characters, at most 500" in problem.message


def test_validate__names_every_part_that_is_too_long() -> None:
    long = "x" * 501
    steps = [
        step(long),
        step(long, number=1, kind="reply"),
        step(long, number=2, kind="comment"),
    ]
    assert [p.field for p in MASTODON.validate(steps, {})] == ["text", "thread[1]", "first_comment"]


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"text": " "}, "text", "empty"),
        ({"options": {"visibility": "secret"}}, "visibility", "'secret'"),
        ({"options": {"visibility": ""}}, "visibility", "''"),
        ({"media": [("image/png", 1)] * 5}, "media", "5 attachments, at most 4"),
        ({"media": [("video/mp4", 1), ("image/png", 1)]}, "media", "at most 1"),
        ({"media": [("application/pdf", 1)]}, "media[1]", "application/pdf"),
        ({"media": [("image/png", 16_777_217)]}, "media[1]", "16777217 bytes, at most 16777216"),
        ({"media": [("image/png", 1)], "alt": "x" * 1501}, "media[1]", "1501 characters, at most 1500"),
        ({"poll": Poll(options=("a",))}, "poll", "1 options, 2 to 4"),
        ({"poll": Poll(options=("a", "a"))}, "poll", "different"),
        ({"poll": Poll(options=("a", "x" * 51))}, "poll", "51 characters, at most 50"),
        ({"poll": Poll(options=("a", "b"), duration_seconds=299)}, "poll", "open for 299 s"),
        ({"poll": Poll(options=("a", "b")), "media": [("image/png", 1)]}, "poll", "either"),
    ],
)
def test_validate__names_field_measure_and_limit(wrong: dict[str, Any], field: str, words: str) -> None:
    wrong = dict(wrong)
    alt = wrong.pop("alt", None)
    media = tuple(
        Media(source="f", mime_type=kind, size_bytes=size, alt=alt) for kind, size in wrong.pop("media", ())
    )
    (problem,) = MASTODON.validate([step(**wrong, media=media)], {})
    assert problem.field == field
    assert words in problem.message


def test_validate__judges_unfetched_media_by_count_and_alt_text_only() -> None:
    unfetched = Media(source="https://example.com/cat.png", alt="a cat")
    assert MASTODON.validate([step(media=(unfetched,) * 4)], {}) == []


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__renders_a_text_post_in_one_call(wire: Wire) -> None:
    meet(wire)
    ready = MASTODON.prepare(step(), session(wire))
    assert ready == Ready(request={"status": "Hello"}, handles={"key_works": True, "account_id": "7"})
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"


def test_prepare__asks_the_server_once_in_a_run(wire: Wire) -> None:
    meet(wire)
    first, second = session(wire), session(wire)
    second.memo = first.memo
    assert MASTODON.prepare(step(), first) == MASTODON.prepare(step(), second)


def test_prepare__renders_every_choice_with_the_posts_own_before_the_accounts(wire: Wire) -> None:
    meet(wire)
    ready = MASTODON.prepare(
        step(
            "Which?",
            number=1,
            kind="reply",
            link="https://example.com/a",
            poll=Poll(options=("red", "blue"), duration_seconds=600, multiple=True),
            parent=Confirmed(remote_id="1032"),
            options={"visibility": "private"},
        ),
        session(wire, visibility="unlisted", language="en", sensitive="true", spoiler_text="colours"),
    )
    assert isinstance(ready, Ready)
    assert ready.request == {
        "status": "Which?\nhttps://example.com/a",
        "in_reply_to_id": "1032",
        "visibility": "private",
        "language": "en",
        "spoiler_text": "colours",
        "sensitive": True,
        "poll": {"options": ["red", "blue"], "expires_in": 600, "multiple": True},
    }


def test_prepare__leaves_a_link_that_the_text_already_holds(wire: Wire) -> None:
    meet(wire)
    ready = MASTODON.prepare(step("See https://example.com/a.", link="https://example.com/a"), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["status"] == "See https://example.com/a."


def test_prepare__appends_a_link_that_is_only_the_beginning_of_another(wire: Wire) -> None:
    meet(wire)
    ready = MASTODON.prepare(step("See https://example.com/ab", link="https://example.com/a"), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["status"] == "See https://example.com/ab\nhttps://example.com/a"


def test_prepare__uploads_with_alt_text_then_asks_until_it_is_processed(wire: Wire, picture: Media) -> None:
    meet(wire)
    wire.expect("POST /api/v2/media", 202, json={"id": "22348641", "url": None})
    saved = MASTODON.prepare(step(media=(picture,)), session(wire))
    assert isinstance(saved, Saved)
    body = wire.last.content
    assert b'name="file"; filename="cat.png"\r\nContent-Type: image/png\r\n\r\nPNG bytes' in body
    assert b'name="description"\r\n\r\na cat' in body

    wire.expect("GET /api/v1/media/22348641", 206, json={"id": "22348641", "url": None})
    waiting = MASTODON.prepare(step(media=(picture,), handles=saved.handles), session(wire))
    assert isinstance(waiting, Wait)

    wire.expect("GET /api/v1/media/22348641", json={"id": "22348641", "url": "https://m.example/f.png"})
    ready = MASTODON.prepare(step(media=(picture,), handles=waiting.handles), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["media_ids"] == ["22348641"]


def test_prepare__uploads_one_file_per_call_and_keeps_their_order(wire: Wire, picture: Media) -> None:
    handles: Mapping[str, Any] = {"account_id": "7", "key_works": True}
    for media_id in ("a", "b"):
        wire.expect("POST /api/v2/media", json={"id": media_id})
        saved = MASTODON.prepare(step(media=(picture, picture), handles=handles), session(wire))
        assert isinstance(saved, Saved)
        handles = saved.handles
    wire.expect("GET /api/v1/media/a")
    wire.expect("GET /api/v1/media/b")
    ready = MASTODON.prepare(step(media=(picture, picture), handles=handles), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["media_ids"] == ["a", "b"]


def test_prepare__uploads_again_when_the_server_forgot_the_media(wire: Wire, picture: Media) -> None:
    handles = {"account_id": "7", "key_works": True, "media": [{"id": "old", "again": False}]}
    wire.expect("GET /api/v1/media/old", 404, json={"error": "Record not found"})
    wire.expect("POST /api/v2/media", json={"id": "new"})
    saved = MASTODON.prepare(step(media=(picture,), handles=handles), session(wire))
    assert isinstance(saved, Saved)

    wire.expect("GET /api/v1/media/new", 404)  # a server without this endpoint: no endless uploads
    ready = MASTODON.prepare(step(media=(picture,), handles=saved.handles), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["media_ids"] == ["new"]


def test_prepare__says_so_when_processing_failed(wire: Wire, picture: Media) -> None:
    handles = {"account_id": "7", "key_works": True, "media": [{"id": "a", "again": False}]}
    wire.expect("GET /api/v1/media/a", 422, json={"error": "Error processing thumbnail for uploaded media"})
    with pytest.raises(Rejected, match="thumbnail"):
        MASTODON.prepare(step(media=(picture,), handles=handles), session(wire))


def test_prepare__says_so_when_the_file_is_gone(wire: Wire, tmp_path: Path) -> None:
    meet(wire)
    with pytest.raises(Rejected, match=r"media cat\.png cannot be read"):
        MASTODON.prepare(step(media=(Media(source="cat.png", path=tmp_path / "cat.png"),)), session(wire))


def test_prepare__checks_the_servers_own_limits_before_it_uploads(wire: Wire, picture: Media) -> None:
    wire.expect(
        "GET /api/v2/instance",
        json={"version": "4.5.0", "configuration": {"statuses": {"max_characters": 4}}},
    )
    with pytest.raises(Rejected, match="text: 5 characters, at most 4"):
        MASTODON.prepare(step(media=(picture,)), session(wire))


@pytest.mark.parametrize(
    ("version", "trusted"),
    [
        ("4.5.0", True),
        ("4.3.0-alpha.1+glitch", True),
        ("4.2.10+hometown-1.1.1", True),
        ("2.7.2 (compatible; Pleroma 2.9.1)", False),
        ("4.2.1 (compatible; Iceshrimp 2023.12)", False),
        ("0.20.1+git-8e4a2e1", False),
    ],
)
def test_prepare__trusts_keys_of_mastodon_and_its_forks_only(wire: Wire, version: str, trusted: bool) -> None:
    meet(wire, version=version)
    ready = MASTODON.prepare(step(), session(wire))
    assert isinstance(ready, Ready)
    assert ready.handles is not None
    assert ready.handles["key_works"] is trusted


def test_prepare__asks_v1_where_there_is_no_v2(wire: Wire) -> None:
    wire.expect("GET /api/v2/instance", 404, json={"error": "Not found"})
    wire.expect("GET /api/v1/instance", json={"version": "2.7.2 (compatible; Old 1)", "max_toot_chars": 4})
    with pytest.raises(Rejected, match="at most 4"):
        MASTODON.prepare(step(), session(wire))


def test_prepare__takes_the_defaults_where_a_server_says_nothing(wire: Wire) -> None:
    wire.expect("GET /api/v2/instance", 404)
    wire.expect("GET /api/v1/instance", 404)
    wire.expect("GET /api/v1/accounts/verify_credentials", json=ME)
    ready = MASTODON.prepare(step(), session(wire))
    assert ready == Ready(request={"status": "Hello"}, handles={"key_works": False, "account_id": "7"})


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"", b'{"version": "4.', b"[]"])
def test_prepare__an_answer_that_makes_no_sense_may_be_asked_again(wire: Wire, body: bytes) -> None:
    wire.expect("GET /api/v2/instance", content=body)
    with pytest.raises(PlatformFailure, match="no usable 'version'") as caught:
        MASTODON.prepare(step(), session(wire))
    assert caught.value.retryable


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__posts_the_stored_request_with_its_key(wire: Wire) -> None:
    wire.expect("POST /api/v1/statuses", json=STATUS)
    confirmed = MASTODON.send_step(sent({"status": "Hello", "visibility": "public"}), session(wire))
    assert confirmed == Confirmed(remote_id=STATUS["id"], url=STATUS["url"])
    assert wire.last.url == "https://m.example/api/v1/statuses"
    assert wire.last.headers["idempotency-key"] == "the-key"
    assert wire.last.headers["content-type"] == "application/json"
    assert wire.sent == {"status": "Hello", "visibility": "public"}


def test_send_step__takes_the_uri_where_there_is_no_url(wire: Wire) -> None:
    wire.expect("POST /api/v1/statuses", json={**STATUS, "url": None})
    assert MASTODON.send_step(sent({"status": "Hello"}), session(wire)).url == STATUS["uri"]


@pytest.mark.parametrize(
    ("status", "error", "kind", "retryable"),
    [
        (400, "Bad request", Rejected, False),
        (401, "The access token is invalid", AuthExpired, False),
        (403, "This action is outside the authorized scopes", AuthExpired, False),
        (403, "This action is not allowed", PlatformFailure, False),
        (404, "Record not found", Rejected, False),
        (410, "Gone", Rejected, False),
        (413, "", Rejected, False),
        (422, "Validation failed: Text character limit of 500 exceeded", Rejected, False),
    ],
)
def test_send_step__a_refusal_says_what_was_refused(
    wire: Wire, status: int, error: str, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect("POST /api/v1/statuses", status, json={"error": error})
    mine = session(wire)
    with pytest.raises(kind) as caught:
        MASTODON.send_step(sent({"status": "Hello"}), mine)
    assert caught.value.retryable is retryable
    assert f"mastodon account '@me' (id 1): HTTP {status}" in caught.value.message
    assert error in caught.value.message
    assert mine.visible == "refused"


def test_send_step__waits_until_the_reset_it_was_told(wire: Wire) -> None:
    """https://docs.joinmastodon.org/api/rate-limits/ : the reset is an ISO 8601 time."""
    reset = datetime.now(UTC) + timedelta(seconds=90)
    wire.expect(
        "POST /api/v1/statuses",
        429,
        json={"error": "Too many requests"},
        headers={
            "X-RateLimit-Limit": "300",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": reset.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    )
    mine = session(wire)
    with pytest.raises(RateLimited) as caught:
        MASTODON.send_step(sent({"status": "Hello"}), mine)
    assert caught.value.retry_after == pytest.approx(90, abs=5)
    (seen,) = mine.seen
    assert (seen.family, seen.limit, seen.remaining, seen.reset_at, seen.blocked) == (
        "publish",
        300,
        0,
        reset,
        True,
    )


@pytest.mark.parametrize("status", [302, 408, 409, 425, 500, 502, 503, 504])
def test_send_step__anything_else_leaves_the_outcome_unknown(wire: Wire, status: int) -> None:
    wire.expect("POST /api/v1/statuses", status, text="<html>")
    with pytest.raises(OutcomeUnknown):
        MASTODON.send_step(sent({"status": "Hello"}), session(wire))


@pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b'{"id": "10', b'{"id": null}', b"[]"])
def test_send_step__success_without_an_id_is_unknown(wire: Wire, body: bytes) -> None:
    wire.expect("POST /api/v1/statuses", content=body)
    mine = session(wire)
    with pytest.raises(OutcomeUnknown):
        MASTODON.send_step(sent({"status": "Hello"}), mine)
    assert mine.visible == "open"


def test_send_step__a_refused_connection_is_not_unknown(wire: Wire) -> None:
    wire.expect("POST /api/v1/statuses", httpx.ConnectError("refused"))
    mine = session(wire)
    with pytest.raises(Unavailable):
        MASTODON.send_step(sent({"status": "Hello"}), mine)
    assert mine.visible == "unsent"


# --- reconcile ---------------------------------------------------------------------------------------------


def listed(minutes: float = 0, **parts: Any) -> dict[str, Any]:
    """One of our own statuses, made `minutes` after the first send."""
    made = SENT_AT + timedelta(minutes=minutes)
    return {**STATUS, "created_at": made.isoformat().replace("+00:00", "Z"), **parts}


def look(wire: Wire, *pages: list[dict[str, Any]]) -> None:
    wire.expect("GET /api/v1/accounts/verify_credentials", json=ME)
    for page in pages:
        wire.expect("GET /api/v1/accounts/7/statuses", json=page)


def test_reconcile__finds_the_post_by_its_source(wire: Wire) -> None:
    look(wire, [listed(), listed(-2, id="1")])
    wire.expect(f"GET /api/v1/statuses/{STATUS['id']}/source", json={"id": STATUS["id"], "text": "Hello"})
    found = MASTODON.reconcile(sent({"status": "Hello "}), session(wire))
    assert found.matches == (Confirmed(remote_id=STATUS["id"], url=STATUS["url"]),)
    assert found.complete
    assert found.key_works
    query = wire.requests[1].url.params
    assert (query["limit"], query["exclude_reblogs"]) == ("40", "true")


def test_reconcile__pages_back_past_the_first_send_before_it_believes_an_absence(wire: Wire) -> None:
    wire.expect("GET /api/v1/accounts/verify_credentials", json=ME)
    wire.expect(
        "GET /api/v1/accounts/7/statuses",
        json=[listed(5, id="50", in_reply_to_id="1")],
        headers={
            "link": '<https://evil.example/?max_id=49>; rel="next", <https://m.example/?min_id=50>; rel="prev"'
        },
    )
    wire.expect("GET /api/v1/accounts/7/statuses", json=[listed(-2, id="40")])
    found = MASTODON.reconcile(sent({"status": "Hello"}), session(wire))
    assert found.matches == ()
    assert found.complete
    assert wire.last.url.host == "m.example"
    assert wire.last.url.params["max_id"] == "49"


def test_reconcile__an_account_without_older_posts_is_complete(wire: Wire) -> None:
    look(wire, [listed(1, id="50", in_reply_to_id="1")], [])
    found = MASTODON.reconcile(sent({"status": "Hello"}), session(wire))
    assert found.complete
    assert wire.last.url.params["max_id"] == "50"


def test_reconcile__a_token_of_another_account_proves_no_absence(wire: Wire) -> None:
    wire.expect("GET /api/v1/accounts/verify_credentials", json={"id": "8", "acct": "other"})
    wire.expect("GET /api/v1/accounts/7/statuses", json=[])
    assert not MASTODON.reconcile(sent({"status": "Hello"}), session(wire)).complete


def test_reconcile__tells_of_servers_that_ignore_keys(wire: Wire) -> None:
    look(wire, [])
    assert not MASTODON.reconcile(sent({"status": "Hello"}, key_works=False), session(wire)).key_works


@pytest.mark.parametrize(
    "other",
    [
        {"in_reply_to_id": "1032"},
        {"media_attachments": [{"id": "1"}]},
        {"poll": {"options": [{"title": "red"}]}},
        {"spoiler_text": "spider"},
    ],
)
def test_reconcile__a_post_of_another_shape_is_not_ours(wire: Wire, other: dict[str, Any]) -> None:
    look(wire, [listed(**other), listed(-2)])
    assert MASTODON.reconcile(sent({"status": "Hello"}), session(wire)).matches == ()


def test_reconcile__compares_poll_media_and_reply_target(wire: Wire) -> None:
    request = {
        "status": "Which?",
        "in_reply_to_id": "1032",
        "spoiler_text": "colours",
        "poll": {"options": ["red ", "blue"]},
    }
    same = listed(
        in_reply_to_id="1032",
        spoiler_text="colours",
        poll={"options": [{"title": "red", "votes_count": 0}, {"title": "blue", "votes_count": 0}]},
    )
    look(wire, [same, listed(-2)])
    wire.expect(f"GET /api/v1/statuses/{STATUS['id']}/source", json={"text": "Which?"})
    assert len(MASTODON.reconcile(sent(request), session(wire)).matches) == 1


@pytest.mark.parametrize(
    ("text", "content", "same"),
    [
        ("Hello", "<p>Hello</p>", True),
        ("a\n\nb & c\nd", "<p>a</p><p>b &amp; c<br />d</p>", True),
        (
            "hi @bob@other.example see https://example.com/a/very/long/path?x=1",
            '<p>hi <span class="h-card"><a href="https://other.example/@bob" class="u-url mention">@<span>bob</span>'
            '</a></span> see <a href="https://example.com/a/very/long/path?x=1" rel="nofollow">'
            '<span class="invisible">https://</span><span class="ellipsis">example.com/a/very</span></a></p>',
            True,
        ),
        (
            "#tag",
            '<p><a href="https://m.example/tags/tag" class="mention hashtag">#<span>tag</span></a></p>',
            True,
        ),
        ('He said "no" -- *twice*', "<p>He said “no” – <em>twice</em></p>", True),
        ("👍", "<p>👍</p>", True),
        ("👍", "<p>👎</p>", False),
        ("post 17", "<p>post 18</p>", False),
        (
            "https://example.com/a",
            '<p><a href="https://example.com/b">example.com/a</a></p>',
            False,
        ),
    ],
)
def test_reconcile__reads_the_html_where_there_is_no_source(
    wire: Wire, text: str, content: str, same: bool
) -> None:
    look(wire, [listed(content=content), listed(-2)])
    wire.expect(f"GET /api/v1/statuses/{STATUS['id']}/source", 404, json={"error": "Not found"})
    assert bool(MASTODON.reconcile(sent({"status": text}), session(wire)).matches) is same


@pytest.mark.parametrize("body", [b"<html>", b"", b'[{"id": "1', b"{}", b'[{"id": "1"}]'])
def test_reconcile__a_list_that_makes_no_sense_proves_nothing(wire: Wire, body: bytes) -> None:
    wire.expect("GET /api/v1/accounts/verify_credentials", json=ME)
    wire.expect("GET /api/v1/accounts/7/statuses", content=body)
    with pytest.raises(PlatformFailure):
        MASTODON.reconcile(sent({"status": "Hello"}), session(wire))


def test_reconcile__without_the_moment_of_the_first_send_proves_nothing(wire: Wire) -> None:
    never = replace(sent({"status": "Hello"}), first_sending_at=None)
    assert not MASTODON.reconcile(never, session(wire)).complete


# --- tokens ------------------------------------------------------------------------------------------------


def test_connect__wants_a_token_and_the_servers_address(wire: Wire) -> None:
    with pytest.raises(AuthExpired):
        MASTODON.connect(account(), {}, App(), wire.http)
    with pytest.raises(PlatformFailure, match="base_url"):
        MASTODON.connect(account(base_url="m.example"), {"access_token": TOKEN}, App(), wire.http)


def test_identify__names_the_account(wire: Wire) -> None:
    wire.expect("GET /api/v1/accounts/verify_credentials", json=ME)
    identity = MASTODON.identify(session(wire))
    assert (identity.external_id, identity.handle) == ("7", "me")


def test_can_refresh__only_with_a_refresh_token() -> None:
    assert not MASTODON.can_refresh({"access_token": TOKEN})
    assert MASTODON.can_refresh({"access_token": TOKEN, "refresh_token": "r"})


def test_refresh__trades_the_refresh_token(wire: Wire) -> None:
    wire.expect("POST /oauth/token", json={"access_token": "new", "refresh_token": "r2", "expires_in": 7200})
    tokens = MASTODON.refresh(
        account(),
        {"access_token": TOKEN, "refresh_token": "r1", "expires_at": "2026-01-01T00:00:00Z"},
        App(client_id="app", client_secret="hush"),
        wire.http,
    )
    assert tokens.credentials == {"access_token": "new", "refresh_token": "r2"}
    assert tokens.expires_at is not None
    assert tokens.expires_at - datetime.now(UTC) == pytest.approx(
        timedelta(hours=2), abs=timedelta(minutes=1)
    )
    assert wire.last.content == b"grant_type=refresh_token&refresh_token=r1&client_id=app&client_secret=hush"
    assert "authorization" not in wire.last.headers


def test_refresh__a_refused_token_needs_a_person(wire: Wire) -> None:
    wire.expect("POST /oauth/token", 400, json={"error": "invalid_grant"})
    with pytest.raises(AuthExpired) as caught:
        MASTODON.refresh(account(), {"refresh_token": "r1"}, App(), wire.http)
    assert "r1" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 404, 410, 422, 429, 500, 502, 503])
def test_refresh__a_server_in_trouble_disconnects_nobody(wire: Wire, status: int) -> None:
    wire.expect("POST /oauth/token", status, text="<html>")
    with pytest.raises(PlatformError) as caught:
        MASTODON.refresh(account(), {"refresh_token": "r1"}, App(), wire.http)
    assert not isinstance(caught.value, AuthExpired | Rejected)
    assert caught.value.retryable


# --- metrics -------------------------------------------------------------------------------------------

# https://docs.joinmastodon.org/entities/Status/
COUNTS = {"replies_count": 1, "reblogs_count": 3, "favourites_count": 9, "quotes_count": 2}
READ = Reading(likes=9, comments=1, shares=5, raw=COUNTS)
BATCH, NOT_FOUND = "GET /api/v1/statuses", {"error": "Record not found"}


def test_read_metrics__twenty_posts_are_one_request(wire: Wire) -> None:
    ids = [str(number) for number in range(20)]
    stranger = {"id": "77", **COUNTS}
    wire.expect(BATCH, json=[{"id": post_id, **COUNTS} for post_id in reversed(ids)] + [stranger, None])
    connected = session(wire)
    assert MASTODON.read_metrics(ids, connected) == dict.fromkeys(ids, READ)
    assert wire.last.url.params.get_list("id[]") == ids
    assert {seen.family for seen in connected.seen} <= {"read"}


def test_read_metrics__one_of_those_left_out_is_asked_for_and_known_to_be_gone(wire: Wire) -> None:
    wire.expect(BATCH, json=[{"id": "2", **COUNTS}])
    wire.expect("GET /api/v1/statuses/1", 404, json=NOT_FOUND)
    assert MASTODON.read_metrics(["1", "2", "3"], session(wire)) == {"1": Gone(), "2": READ}


@pytest.mark.parametrize(
    "answer",
    [
        {"answer": 429, "json": {"error": "Too many requests"}},
        {"answer": 401, "json": {"error": "The access token is invalid"}},
        {"answer": 404, "content": b"<html>parked</html>"},
    ],
)
def test_read_metrics__what_a_batch_told_is_kept_when_the_question_after_it_fails(
    wire: Wire, answer: dict[str, Any]
) -> None:
    wire.expect(BATCH, json=[{"id": "2", **COUNTS}])
    wire.expect("GET /api/v1/statuses/1", **answer)
    assert MASTODON.read_metrics(["1", "2"], session(wire)) == {"2": READ}


@pytest.mark.parametrize("status", [404, 405])
def test_read_metrics__a_server_without_batches_is_asked_about_one_post_at_a_time(
    wire: Wire, status: int
) -> None:
    wire.expect(BATCH, status, json=NOT_FOUND)
    with pytest.raises(OneByOne):
        MASTODON.read_metrics(["1", "2"], session(wire))
    wire.expect("GET /api/v1/statuses/1", json={"id": "1", **COUNTS})
    assert MASTODON.read_metrics(["1"], session(wire)) == {"1": READ}


@pytest.mark.parametrize("status", [404, 410])
def test_read_metrics__a_record_the_server_does_not_have_is_gone(wire: Wire, status: int) -> None:
    wire.expect("GET /api/v1/statuses/1", status, json=NOT_FOUND)
    assert MASTODON.read_metrics(["1"], session(wire)) == {"1": Gone()}


@pytest.mark.parametrize("answer", [{"content": b"<html>parked</html>"}, {"json": {"status": 404}}])
def test_read_metrics__nothing_is_gone_because_a_proxy_says_404(wire: Wire, answer: dict[str, Any]) -> None:
    wire.expect("GET /api/v1/statuses/1", 404, **answer)
    with pytest.raises(Rejected):
        MASTODON.read_metrics(["1"], session(wire))


def test_read_metrics__ids_cannot_lead_anywhere_else(wire: Wire) -> None:
    wire.expect("GET /api/v1/statuses/../apps?x", 404, json=NOT_FOUND)
    MASTODON.read_metrics(["../apps?x"], session(wire))
    assert wire.last.url.raw_path == b"/api/v1/statuses/..%2Fapps%3Fx"


@pytest.mark.parametrize(
    ("counts", "reading"),
    [
        ({}, Reading()),
        ({"favourites_count": "9", "replies_count": -1}, Reading(likes=9, raw={"favourites_count": 9})),
        ({"reblogs_count": 3}, Reading(shares=3, raw={"reblogs_count": 3})),  # before 4.5 there are no quotes
        ({"quotes_count": 2}, Reading(raw={"quotes_count": 2})),
    ],
)
def test_read_metrics__what_is_not_reported_is_no_zero(
    wire: Wire, counts: dict[str, Any], reading: Reading
) -> None:
    wire.expect("GET /api/v1/statuses/1", json={"id": "1", **counts})
    assert MASTODON.read_metrics(["1"], session(wire)) == {"1": reading}
