"""Telegram: requests and documented answers.

Recordings follow https://core.telegram.org/bots/api (#making-requests, #sendmessage, #sendphoto, #sendmediagroup,
#sendpoll, #getchat, #responseparameters); texts of errors follow tdlib/telegram-bot-api, Client.cpp.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
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
)
from socialcron.model import (
    Account,
    Confirmed,
    Identity,
    LimitSeen,
    Look,
    Media,
    Poll,
    PreparedStep,
    Ready,
    Step,
)
from socialcron.platforms.base import App
from socialcron.platforms.http import Answer, Session
from socialcron.platforms.rules import FILE_TYPES
from socialcron.platforms.telegram import Telegram
from tests.contract.conftest import Wire
from tests.contract.sample import FILM, PLAIN_CAT, PLAIN_DOG, TEA_OR_COFFEE, THREAD, Kind, Sample, says

# https://core.telegram.org/bots/api#sendmessage
MESSAGE: dict[str, Any] = {
    "message_id": 42,
    "date": 1788249600,
    "chat": {"id": -1001234567890, "type": "channel", "username": "cafe_news"},
    "text": "Open today",
}


def as_stored(request: httpx.Request) -> dict[str, Any]:
    return {"method": request.url.path.rpartition("/")[2], "fields": json.loads(request.content)}


SAMPLE = Sample(
    credentials={"bot_token": "123456:secret-token"},
    token="bot_token",
    settings={"chat_id": "@cafe_news"},
    request={"method": "sendMessage", "fields": {"chat_id": "@cafe_news", "text": "Open today"}},
    created=(200, {"ok": True, "result": MESSAGE}),
    body=as_stored,
)

KINDS = (
    *(
        Kind("telegram", name, content, {"chat_id": "@{owner}"}, visible=visible, knowable=False)
        for name, content, visible in (
            ("text", says("Good morning"), 1),
            ("photo", says("A picture", PLAIN_CAT), 1),
            ("album", says("Two pictures", PLAIN_CAT, PLAIN_DOG), 1),
            ("video", says("A film", FILM), 1),
            ("poll", says("Which?", poll=TEA_OR_COFFEE), 1),
            ("thread", THREAD, 4),
        )
    ),
)

TELEGRAM = Telegram()
TOKEN = "123456789:AAE-the_token"


def session(wire: Wire, **settings: Any) -> Session:
    account = Account(
        id=1, platform="telegram", handle="@cafe_news", settings={"chat_id": "@cafe_news", **settings}
    )
    return TELEGRAM.connect(account, {"bot_token": TOKEN}, App(), wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(
        number=parts.pop("number", 0), kind=parts.pop("kind", "post"), text=text, key="the-key", **parts
    )


def rendered(wire: Wire, what: Step, **settings: Any) -> Mapping[str, Any]:
    ready = TELEGRAM.prepare(what, session(wire, **settings))
    assert isinstance(ready, Ready)
    return ready.request


def stored(wire: Wire, what: Step, **settings: Any) -> PreparedStep:
    request = rendered(wire, what, **settings)
    return PreparedStep(number=0, kind="post", key="the-key", request=request, media=what.media, sends=1)


def problems(what: Step, **settings: Any) -> list[str]:
    return [str(problem) for problem in TELEGRAM.validate([what], {"chat_id": "@c", **settings})]


def attachment(mime_type: str, **parts: Any) -> Media:
    return Media(source=f"f.{mime_type.rpartition('/')[2]}", mime_type=mime_type, **parts)


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(b"PNG bytes")
    return Media(source="pets/cat.png", path=path, mime_type="image/png", size_bytes=9)


@pytest.fixture
def clip(tmp_path: Path) -> Media:
    path = tmp_path / "cat.mp4"
    path.write_bytes(b"MP4 bytes")
    return Media(
        source="https://example.com/cat.mp4?x=1",
        path=path,
        mime_type="video/mp4",
        size_bytes=9,
        width=640,
        height=360,
        duration_seconds=12.4,
    )


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "units"),
    [
        ("x" * 4096, {}, 4096),
        ("x" * 4097, {}, 4097),
        ("👍" * 2049, {}, 4098),
        ("<b>x</b>&amp;" * 2048, {"parse_mode": "HTML"}, 4096),
        ("*x*\\." * 2048 + "y", {"parse_mode": "MarkdownV2"}, 4097),
    ],
)
def test_validate__counts_utf16_after_the_markup(text: str, options: dict[str, str], units: int) -> None:
    found = problems(step(text, options=options))
    if units <= 4096:
        assert found == []
    else:
        assert found == [f"text: {units} UTF-16 code units, Telegram takes at most 4096"]


def test_validate__a_caption_is_shorter(picture: Media) -> None:
    assert problems(step("x" * 1024, media=(picture,))) == []
    assert problems(step("x" * 1025, media=(picture,))) == [
        "text: 1025 UTF-16 code units, Telegram takes at most 1024 as a caption"
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"text": " "}, "text: empty, without media"),
        ({"media": [("image/png", {})] * 11}, "media: 11 attachments, at most 10"),
        (
            {"media": [("image/png", {"size_bytes": 10_000_001})]},
            "media[1]: f.png is 10000001 bytes, at most 10000000",
        ),
        (
            {"media": [("video/mp4", {"size_bytes": 50_000_001})]},
            "media[1]: f.mp4 is 50000001 bytes, at most 50000000",
        ),
        (
            {"media": [("image/jpeg", {"width": 6000, "height": 4001})]},
            "media[1]: f.jpeg is 6000 by 4001 pixels, together 10001, at most 10000",
        ),
        ({"media": [("image/jpeg", {"width": 2100, "height": 100})]}, "media[1]: f.jpeg is 21 wide per high"),
        ({"media": [("image/gif", {}), ("image/png", {})]}, "media: 2 attachments, a GIF only goes alone"),
        (
            {"media": [("application/pdf", {}), ("image/png", {})]},
            "media: document, photo: photos and videos",
        ),
        ({"media": [("text/x-odd", {})]}, "media[1]: f.x-odd is text/x-odd; allowed:"),
        ({"options": {"parse_mode": "Markdown"}}, "options.parse_mode: 'Markdown' is neither"),
        ({"options": {"link_preview": "maybe"}}, "options.link_preview: 'maybe' is neither true nor false"),
        ({"options": {"message_thread_id": "x"}}, "options.message_thread_id: 'x' is no number"),
        ({"poll": Poll(options=())}, "poll: 0 options, Telegram takes 1 to 12"),
        ({"poll": Poll(options=("a", "x" * 101))}, "poll[2]: 101 UTF-16 code units, Telegram takes 1 to 100"),
        (
            {"poll": Poll(options=("a", "b"), duration_seconds=4)},
            "poll: open for 4 s, Telegram takes 5 to 2628000 s",
        ),
        (
            {"poll": Poll(options=("a",)), "media": [("image/png", {})]},
            "poll: Telegram takes a poll or media, not both",
        ),
        (
            {"poll": Poll(options=("a",)), "text": "x" * 301},
            "text: 301 UTF-16 code units, Telegram takes at most 300 as a question",
        ),
    ],
)
def test_validate__names_field_measure_and_limit(wrong: dict[str, Any], message: str) -> None:
    wrong = dict(wrong)
    media = tuple(attachment(kind, **parts) for kind, parts in wrong.pop("media", ()))
    (problem,) = problems(step(wrong.pop("text", "Hello"), **wrong, media=media))
    assert problem.startswith(message)


def test_validate__needs_to_know_the_chat() -> None:
    (problem,) = TELEGRAM.validate([step()], {})
    assert problem.field == "settings.chat_id"


def test_validate__takes_anything_as_a_document(picture: Media) -> None:
    mixed = step(media=(picture, attachment("application/pdf"), attachment("image/gif")))
    assert problems(mixed)
    assert problems(mixed, as_document="true") == []


def test_validate__takes_every_type_that_files_are_recognised_as() -> None:
    from socialcron.batches import probing

    known = {*probing.STILLS.values(), *probing.VIDEOS.values(), *probing.AUDIOS.values()}
    assert known | {"application/pdf", "video/quicktime"} == FILE_TYPES
    for mime_type in FILE_TYPES:
        assert problems(step(media=(Media(source="f", mime_type=mime_type),))) == []


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__renders_a_text_without_markup(wire: Wire) -> None:
    assert rendered(wire, step("<3")) == {
        "method": "sendMessage",
        "fields": {"chat_id": "@cafe_news", "text": "<3"},
    }


def test_prepare__renders_every_choice_with_the_posts_own_before_the_accounts(wire: Wire) -> None:
    request = rendered(
        wire,
        step(
            "<b>Hi</b>",
            number=1,
            kind="reply",
            link="https://example.com/?a=1&b=2",
            parent=Confirmed(remote_id="-1001234567890/41"),
            options={"link_preview": True, "parse_mode": "HTML"},
        ),
        chat_id="-1001234567890",
        link_preview="false",
        disable_notification="true",
        protect_content="yes",
        message_thread_id="7",
    )
    assert request == {
        "method": "sendMessage",
        "fields": {
            "chat_id": -1001234567890,
            "message_thread_id": 7,
            "disable_notification": True,
            "protect_content": True,
            "reply_parameters": {"message_id": 41},
            "link_preview_options": {"url": "https://example.com/?a=1&b=2"},
            "text": "<b>Hi</b>\nhttps://example.com/?a=1&amp;b=2",
            "parse_mode": "HTML",
        },
    }


def test_prepare__escapes_a_link_in_markdown_and_can_leave_out_its_preview(wire: Wire) -> None:
    options = {"parse_mode": "MarkdownV2", "link_preview": False}
    fields = rendered(wire, step("Hi", link="https://example.com/a_b", options=options))["fields"]
    assert fields["text"] == "Hi\nhttps://example\\.com/a\\_b"
    assert fields["link_preview_options"] == {"is_disabled": True}


def test_prepare__renders_a_poll(wire: Wire) -> None:
    poll = Poll(options=("red", "blue"), duration_seconds=600, multiple=True)
    assert rendered(wire, step("Which?", poll=poll)) == {
        "method": "sendPoll",
        "fields": {
            "chat_id": "@cafe_news",
            "question": "Which?",
            "options": [{"text": "red"}, {"text": "blue"}],
            "allows_multiple_answers": True,
            "open_period": 600,
        },
    }


@pytest.mark.parametrize(
    ("mime_type", "options", "method", "name"),
    [
        ("image/jpeg", {}, "sendPhoto", "photo"),
        ("image/gif", {}, "sendAnimation", "animation"),
        ("video/mp4", {}, "sendVideo", "video"),
        ("application/pdf", {}, "sendDocument", "document"),
        ("image/jpeg", {"as_document": True}, "sendDocument", "document"),
    ],
)
def test_prepare__each_kind_of_file_has_its_method(
    wire: Wire, mime_type: str, options: dict[str, bool], method: str, name: str
) -> None:
    request = rendered(wire, step("Hi", media=(attachment(mime_type),), options=options))
    assert (request["method"], request["files"]) == (method, [name])
    assert request["fields"]["caption"] == "Hi"


def test_prepare__an_album_has_its_caption_on_the_first_item(wire: Wire, picture: Media, clip: Media) -> None:
    request = rendered(wire, step("Two cups", media=(picture, clip), options={"parse_mode": "HTML"}))
    assert request == {
        "method": "sendMediaGroup",
        "fields": {
            "chat_id": "@cafe_news",
            "media": [
                {"type": "photo", "media": "attach://file0", "caption": "Two cups", "parse_mode": "HTML"},
                {
                    "type": "video",
                    "media": "attach://file1",
                    "supports_streaming": True,
                    "width": 640,
                    "height": 360,
                    "duration": 12,
                },
            ],
        },
        "files": ["file0", "file1"],
    }


def test_prepare__says_so_when_no_chat_is_set(wire: Wire) -> None:
    with pytest.raises(PlatformFailure, match="no chat_id"):
        TELEGRAM.prepare(step(), session(wire, chat_id=""))


def test_prepare__replies_to_what_a_person_resolved(wire: Wire) -> None:
    for remote_id, accepted in (("42", True), ("post", False)):
        reply = step(kind="reply", number=1, parent=Confirmed(remote_id=remote_id))
        if accepted:
            assert rendered(wire, reply)["fields"]["reply_parameters"] == {"message_id": 42}
        else:
            with pytest.raises(Rejected, match="'post'"):
                rendered(wire, reply)


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__posts_the_stored_fields_with_the_token_in_the_path(wire: Wire) -> None:
    wire.expect(f"POST /bot{TOKEN}/sendMessage", json={"ok": True, "result": MESSAGE})
    confirmed = TELEGRAM.send_step(stored(wire, step("Open today")), session(wire))
    assert confirmed == Confirmed(remote_id="-1001234567890/42", url="https://t.me/cafe_news/42")
    assert wire.last.url == f"https://api.telegram.org/bot{TOKEN}/sendMessage"
    assert "authorization" not in wire.last.headers
    assert wire.sent == {"chat_id": "@cafe_news", "text": "Open today"}


def test_send_step__goes_to_the_base_url_where_one_is_set(wire: Wire) -> None:
    wire.expect(f"POST /telegram/bot{TOKEN}/sendMessage", json={"ok": True, "result": MESSAGE})
    TELEGRAM.send_step(stored(wire, step()), session(wire, base_url="http://127.0.0.1:9/telegram/"))
    assert wire.last.url.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("chat", "url"),
    [
        ({"id": -1001234567890, "username": "cafe_news"}, "https://t.me/cafe_news/42"),
        ({"id": -1001234567890}, "https://t.me/c/1234567890/42"),
        ({"id": -4321}, None),
    ],
)
def test_send_step__links_to_channels_public_and_private(
    wire: Wire, chat: dict[str, Any], url: str | None
) -> None:
    wire.expect(f"POST /bot{TOKEN}/sendMessage", json={"ok": True, "result": {**MESSAGE, "chat": chat}})
    confirmed = TELEGRAM.send_step(stored(wire, step()), session(wire))
    assert (confirmed.remote_id, confirmed.url) == (f"{chat['id']}/42", url)


def test_send_step__a_photo_travels_in_the_message_the_same_way_each_time(wire: Wire, picture: Media) -> None:
    prepared = stored(wire, step("A <cat>", media=(picture,), options={"disable_notification": True}))
    bodies = []
    for _ in range(2):
        wire.expect(f"POST /bot{TOKEN}/sendPhoto", json={"ok": True, "result": MESSAGE})
        TELEGRAM.send_step(prepared, session(wire))
        bodies.append(wire.last.content)
    assert bodies[0] == bodies[1]
    assert wire.last.headers["content-type"] == "multipart/form-data; boundary=the-key"
    assert int(wire.last.headers["content-length"]) == len(bodies[0])
    for part in (
        b'name="chat_id"\r\n\r\n@cafe_news\r\n',
        b'name="disable_notification"\r\n\r\ntrue\r\n',
        b'name="caption"\r\n\r\nA <cat>\r\n',
        b'name="photo"; filename="cat.png"\r\nContent-Type: image/png\r\n\r\nPNG bytes\r\n',
    ):
        assert part in bodies[0]


def test_send_step__an_album_is_one_request_and_all_its_ids_are_kept(
    wire: Wire, picture: Media, clip: Media
) -> None:
    messages = [{**MESSAGE, "message_id": number, "media_group_id": "139"} for number in (43, 44)]
    wire.expect(f"POST /bot{TOKEN}/sendMediaGroup", json={"ok": True, "result": messages})
    confirmed = TELEGRAM.send_step(stored(wire, step("Two", media=(picture, clip))), session(wire))
    assert confirmed == Confirmed(
        remote_id="-1001234567890/43", url="https://t.me/cafe_news/43", extra={"message_ids": [43, 44]}
    )
    body = wire.last.content
    assert b'name="media"\r\n\r\n[{"type": "photo", "media": "attach://file0", "caption": "Two"}' in body
    assert b'name="file0"; filename="cat.png"\r\nContent-Type: image/png\r\n\r\nPNG bytes\r\n' in body
    assert b'name="file1"; filename="cat.mp4"\r\nContent-Type: video/mp4\r\n\r\nMP4 bytes\r\n' in body


def test_send_step__a_file_that_is_gone_leaves_everything_unsent(wire: Wire, picture: Media) -> None:
    assert picture.path is not None
    picture.path.unlink()
    mine = session(wire)
    with pytest.raises(Rejected, match=r"pets/cat\.png cannot be read"):
        TELEGRAM.send_step(stored(wire, step(media=(picture,))), mine)
    assert mine.visible == "unsent"


def refuse(wire: Wire, status: int, description: str, **more: Any) -> PlatformError:
    body = {"ok": False, "error_code": status, "description": description, **more}
    wire.expect(f"POST /bot{TOKEN}/sendMessage", status, json=body)
    mine = session(wire)
    with pytest.raises(PlatformError) as caught:
        TELEGRAM.send_step(stored(wire, step()), mine)
    assert mine.visible == "refused"
    assert caught.value.http_status == status
    assert description in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("status", "description", "kind"),
    [
        (400, "Bad Request: chat not found", Rejected),
        (400, "Bad Request: message is too long", Rejected),
        (400, "Bad Request: message caption is too long", Rejected),
        (400, "Bad Request: can't parse entities: Unsupported start tag", Rejected),
        (400, "Bad Request: message text is empty", Rejected),
        (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", Rejected),
        (400, "Bad Request: not enough rights to send text messages to the chat", AuthExpired),
        (400, "Bad Request: need administrator rights in the channel chat", AuthExpired),
        (401, "Unauthorized", AuthExpired),
        (403, "Forbidden: bot was kicked from the channel chat", AuthExpired),
        (403, "Forbidden: bot is not a member of the channel chat", AuthExpired),
        (404, "Not Found", AuthExpired),
        (413, "Request Entity Too Large", Rejected),
    ],
)
def test_send_step__a_refusal_says_what_was_refused(
    wire: Wire, status: int, description: str, kind: type[PlatformError]
) -> None:
    error = refuse(wire, status, description)
    assert type(error) is kind
    assert not error.retryable


def test_send_step__a_group_that_moved_names_its_new_number(wire: Wire) -> None:
    error = refuse(
        wire,
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        parameters={"migrate_to_chat_id": -1001234567890},
    )
    assert isinstance(error, PlatformFailure)
    assert not error.retryable
    assert "chat_id=-1001234567890" in str(error.hint)


@pytest.mark.parametrize("status", [403, 404])
def test_send_step__a_proxys_refusal_says_nothing_of_the_token(wire: Wire, status: int) -> None:
    wire.expect(f"POST /bot{TOKEN}/sendMessage", status, text="<html>blocked")
    with pytest.raises(PlatformFailure) as caught:
        TELEGRAM.send_step(stored(wire, step()), session(wire))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [(17, None, 18.0), (17, "40", 40.0), (None, "30", 30.0), (None, None, None)],
)
def test_send_step__flood_control_is_waited_out_as_the_body_says(
    wire: Wire, body: int | None, header: str | None, seconds: float | None
) -> None:
    """https://core.telegram.org/bots/api#responseparameters"""
    wire.expect(
        f"POST /bot{TOKEN}/sendMessage",
        429,
        json={"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 17"}
        | ({"parameters": {"retry_after": body}} if body else {}),
        headers={"retry-after": header} if header else {},
    )
    mine = session(wire)
    with pytest.raises(RateLimited) as caught:
        TELEGRAM.send_step(stored(wire, step()), mine)
    assert caught.value.retry_after == seconds
    (seen,) = mine.seen
    assert (seen.family, seen.retry_after, seen.blocked) == ("publish", seconds, True)


@pytest.mark.parametrize("status", [302, 409, 500, 502, 503, 504])
def test_send_step__anything_else_leaves_the_outcome_unknown(wire: Wire, status: int) -> None:
    wire.expect(f"POST /bot{TOKEN}/sendMessage", status, text="<html>")
    with pytest.raises(OutcomeUnknown):
        TELEGRAM.send_step(stored(wire, step()), session(wire))


@pytest.mark.parametrize(
    "body",
    [
        {"ok": True, "result": {**MESSAGE, "message_id": 0}},
        {"ok": True, "result": []},
        {"ok": True, "result": [MESSAGE, {"message_id": 0}]},
        {"ok": True, "result": {"message_id": True}},
        {"ok": False, "result": MESSAGE},
    ],
)
def test_send_step__success_without_a_usable_id_is_unknown(wire: Wire, body: dict[str, Any]) -> None:
    wire.expect(f"POST /bot{TOKEN}/sendMessage", json=body)
    mine = session(wire)
    with pytest.raises(OutcomeUnknown, match="no usable message_id"):
        TELEGRAM.send_step(stored(wire, step()), mine)
    assert mine.visible == "open"


# --- the rest ----------------------------------------------------------------------------------------------


def test_reconcile__proves_nothing(wire: Wire) -> None:
    assert TELEGRAM.reconcile(stored(wire, step()), session(wire)) == Look(complete=False)
    assert TELEGRAM.declaration.look_in_seconds(60) is None


@pytest.mark.parametrize(
    ("chat", "handle"),
    [({"username": "cafe_news", "title": "Café"}, "@cafe_news"), ({"title": "Café"}, "Café")],
)
def test_identify__is_the_chat(wire: Wire, chat: dict[str, str], handle: str) -> None:
    wire.expect(
        f"POST /bot{TOKEN}/getChat", json={"ok": True, "result": {"id": -1001, "type": "channel", **chat}}
    )
    assert TELEGRAM.identify(session(wire)) == Identity(external_id="-1001", handle=handle)
    assert wire.sent == {"chat_id": "@cafe_news"}


def test_refresh__is_never_possible(wire: Wire) -> None:
    assert not TELEGRAM.can_refresh({"bot_token": TOKEN})
    account = Account(id=1, platform="telegram", handle="@c")
    with pytest.raises(AuthExpired):
        TELEGRAM.refresh(account, {"bot_token": TOKEN}, App(), wire.http)


@pytest.mark.parametrize("token", ["", "123:a b", "123:a\n", "123:ä", "123:a/../b", "123:a?b"])
def test_connect__takes_no_token_that_would_change_the_address(wire: Wire, token: str) -> None:
    account = Account(id=1, platform="telegram", handle="@c")
    with pytest.raises(AuthExpired) as caught:
        TELEGRAM.connect(account, {"bot_token": token}, App(), wire.http)
    assert not token or token not in str(caught.value)


def test_token__is_in_nothing_but_the_address(
    wire: Wire, caplog: pytest.LogCaptureFixture, picture: Media
) -> None:
    """Every way to fail, with a Telegram that repeats the token in all it says."""
    caplog.set_level(logging.DEBUG, logger="socialcron")
    echo = {
        "ok": False,
        "error_code": 0,
        "description": f"bad https://api.telegram.org/bot{TOKEN}/x: {TOKEN}",
    }
    everything: list[str] = []
    answers: list[httpx.Response | Exception] = [httpx.ConnectError("no"), httpx.ReadError("no")]
    answers += [httpx.Response(status, json=echo) for status in (200, 302, *range(400, 600))]
    for answer in answers:
        for call in ("send", "identify"):
            mine = session(wire)
            method = "sendPhoto" if call == "send" else "getChat"
            wire.script = [(f"POST /bot{TOKEN}/{method}", answer)] * 3  # reads are repeated
            prepared = stored(wire, step(media=(picture,)))
            with pytest.raises(PlatformError) as caught:
                if call == "send":
                    TELEGRAM.send_step(prepared, mine)
                else:
                    TELEGRAM.identify(mine)
            wire.script = []
            error: BaseException | None = caught.value
            everything += [f"{prepared!r} {mine!r} {mine.seen!r} {caught.value.hint}"]
            while error is not None:
                everything += [f"{error} {error!r} {error.__dict__.get('message')}"]
                error = error.__cause__ or error.__context__
    everything.append(caplog.text)
    assert len(everything) > 800
    assert not [words for words in everything if TOKEN in words or "AAE-the_token" in words]


def test_answer__has_the_path_without_the_token(wire: Wire) -> None:
    seen: list[Answer] = []

    def keep(answer: Answer) -> list[LimitSeen]:
        seen.append(answer)
        return []

    mine = replace(session(wire), limits=keep)
    wire.expect(f"POST /bot{TOKEN}/getChat", json={"ok": True, "result": {"id": -1001}})
    TELEGRAM.identify(mine)
    assert [answer.path for answer in seen] == ["/bot:token/getChat"]
    assert TOKEN not in repr(seen)
