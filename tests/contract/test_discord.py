"""Discord webhooks: requests and documented answers.

Recordings follow https://docs.discord.com/developers/ (resources/webhook, resources/message, resources/poll,
topics/rate-limits, topics/opcodes-and-status-codes, reference#error-messages, reference#uploading-files).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
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
    Closed,
    Confirmed,
    Identity,
    Look,
    Media,
    Poll,
    PreparedStep,
    Reading,
    Ready,
    Step,
)
from socialcron.platforms.base import App
from socialcron.platforms.discord import Discord
from socialcron.platforms.http import Session
from socialcron.platforms.rules import FILE_TYPES
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, TEA_OR_COFFEE, Kind, Sample, says

# https://docs.discord.com/developers/resources/webhook#execute-webhook
MESSAGE: dict[str, Any] = {
    "id": "1300000000000000001",
    "channel_id": "456",
    "webhook_id": "123",
    "content": "Hello",
    "timestamp": "2026-09-01T08:00:00.000000+00:00",
    "attachments": [],
    "embeds": [],
}
# https://docs.discord.com/developers/resources/webhook#get-webhook-with-token
WEBHOOK = {"id": "123", "type": 1, "name": "Newsroom", "channel_id": "456", "guild_id": "789"}
WHERE = {"webhook_id": "123", "channel_id": "456", "guild_id": "789"}
QUIET: dict[str, Any] = {"allowed_mentions": {"parse": []}}


def as_stored(request: httpx.Request) -> dict[str, Any]:
    return {"query": dict(request.url.params), "body": json.loads(request.content)}


SAMPLE = Sample(
    credentials={
        "webhook_url": "https://discord.com/api/webhooks/123/secret-token",
        "bot_token": "secret-bot",
    },
    token="webhook_url",
    request={"query": {"wait": "true"}, "body": {"content": "Hello", **QUIET}},
    handles=WHERE,
    created=(200, MESSAGE),
    body=as_stored,
)

KINDS = (
    *(
        Kind("discord", name, content, knowable=False)
        for name, content in (
            ("text", says("Good morning")),
            ("photo", says("A picture", CAT)),
            ("poll", says("Which?", poll=TEA_OR_COFFEE)),
        )
    ),
)

DISCORD = Discord()
TOKEN = "Tok-en_of-the-webhook"
BOT = "bot-tok.en"
SENT_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PATH = f"/api/v10/webhooks/123/{TOKEN}"
LIST = "GET /api/v10/channels/456/messages"


def session(wire: Wire, *, bot: bool = False, **settings: Any) -> Session:
    account = Account(id=1, platform="discord", handle="newsroom", settings=settings)
    credentials = {"webhook_url": f"https://discord.com/api/webhooks/123/{TOKEN}"}
    if bot:
        credentials["bot_token"] = BOT
    return DISCORD.connect(account, credentials, App(), wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, key="the-key", **parts)


def prepared(wire: Wire, what: Step, **settings: Any) -> Ready:
    wire.expect(f"GET {PATH}", json=WEBHOOK)
    return DISCORD.prepare(what, session(wire, **settings))


def body_of(wire: Wire, what: Step, **settings: Any) -> Mapping[str, Any]:
    body: Mapping[str, Any] = prepared(wire, what, **settings).request["body"]
    return body


def sent(body: Mapping[str, Any] | None = None, **parts: Any) -> PreparedStep:
    request = {"query": {"wait": "true"}, "body": {"content": "Hello", **QUIET} if body is None else body}
    given: dict[str, Any] = {"handles": WHERE, "first_sending_at": SENT_AT, "sends": 1, **parts}
    return PreparedStep(number=0, kind="post", key="the-key", request=request, **given)


def problems(what: Step, **settings: Any) -> list[str]:
    return [str(problem) for problem in DISCORD.validate([what], settings)]


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(b"PNG bytes")
    return Media(source="pets/cat.png", alt="a cat", path=path, mime_type="image/png", size_bytes=9)


# --- validate ----------------------------------------------------------------------------------------------


def test_validate__counts_the_link_and_utf16() -> None:
    assert problems(step("x" * 1979, link="https://example.com/")) == []
    assert problems(step("👍" * 1000 + "x")) == ["text: 2001 UTF-16 code units, Discord takes at most 2000"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"text": " "}, "text: empty, without media and embeds"),
        ({"media": [{}] * 11}, "media: 11 attachments, at most 10"),
        ({"media": [{"size_bytes": 10_485_761}]}, "media[1]: f is 10485761 bytes, at most 10485760"),
        ({"media": [{"size_bytes": 9_000_000}] * 3}, "media: 27000000 bytes together, at most 26214400"),
        ({"media": [{"alt": "x" * 1025}]}, "media[1]: alt text of 1025 UTF-16 code units, at most 1024"),
        ({"options": {"username": "x" * 81}}, "options.username: 81 UTF-16 code units, at most 80"),
        ({"options": {"username": "The Discord"}}, "options.username: must not contain 'discord'"),
        ({"options": {"avatar_url": "cat.png"}}, "options.avatar_url: is no https URL"),
        ({"options": {"thread_id": "x"}}, "options.thread_id: 'x' is no number"),
        ({"options": {"thread_id": "1", "thread_name": "a"}}, "options.thread_name: either a new thread"),
        ({"options": {"suppress_embeds": "maybe"}}, "options.suppress_embeds: 'maybe' is neither"),
        (
            {"options": {"mentions": "users, here"}},
            "options.mentions: 'here' is none of everyone, roles, users",
        ),
        ({"options": {"embeds": {}}}, "options.embeds: must be a list of objects"),
        ({"options": {"embeds": [{}] * 11}}, "options.embeds: 11 embeds, at most 10"),
        (
            {"options": {"embeds": [{"title": "x" * 257}]}},
            "options.embeds[1]: title of 257 UTF-16 code units, at most 256",
        ),
        (
            {"options": {"embeds": [{}, {"footer": {"text": "x" * 2049}}]}},
            "options.embeds[2]: footer.text of 2049 UTF-16 code units, at most 2048",
        ),
        (
            {"options": {"embeds": [{"fields": [{"name": "a", "value": "x" * 1025}]}]}},
            "options.embeds[1]: value of 1025 UTF-16 code units, at most 1024",
        ),
        (
            {"options": {"embeds": [{"fields": [{"name": "a", "value": "b"}] * 26}]}},
            "options.embeds[1]: 26 fields, at most 25",
        ),
        (
            {"options": {"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}},
            "options.embeds: 6001 UTF-16 code units in all embeds together, at most 6000",
        ),
        ({"poll": Poll(options=())}, "poll: 0 options, Discord takes 1 to 10"),
        ({"poll": Poll(options=("a", "x" * 56))}, "poll[2]: 56 UTF-16 code units, Discord takes 1 to 55"),
        (
            {"poll": Poll(options=("a",), duration_seconds=600)},
            "poll: open for 0.166667 hours, Discord takes 1 to 768",
        ),
        ({"poll": Poll(options=("a",)), "media": [{}]}, "poll: either a poll or media, not both"),
        (
            {"poll": Poll(options=("a",)), "text": "x" * 301},
            "text: 301 UTF-16 code units, Discord takes at most 300 as the question of a poll",
        ),
    ],
)
def test_validate__names_field_measure_and_limit(wrong: dict[str, Any], message: str) -> None:
    wrong = dict(wrong)
    media = tuple(Media(source="f", mime_type="image/png", **parts) for parts in wrong.pop("media", ()))
    (problem,) = problems(step(wrong.pop("text", "Hello"), **wrong, media=media))
    assert problem.startswith(message)


def test_validate__an_embed_alone_is_a_post() -> None:
    assert problems(step("", options={"embeds": [{"title": " " * 300 + "v1.2"}]})) == []


def test_validate__looks_at_the_accounts_settings_too() -> None:
    assert problems(step(), username="Clyde") == ["settings.username: must not contain 'clyde'"]


def test_validate__takes_every_type_that_files_are_recognised_as() -> None:
    from socialcron.batches import probing

    known = {*probing.STILLS.values(), *probing.VIDEOS.values(), *probing.AUDIOS.values()}
    assert known | {"application/pdf", "video/quicktime"} == FILE_TYPES
    for mime_type in FILE_TYPES:
        assert problems(step(media=(Media(source="f", mime_type=mime_type),))) == []


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__renders_a_text_that_notifies_nobody(wire: Wire) -> None:
    ready = prepared(wire, step("Hi @everyone"))
    assert ready == Ready(
        request={"query": {"wait": "true"}, "body": {"content": "Hi @everyone", **QUIET}}, handles=WHERE
    )
    assert "authorization" not in wire.last.headers


def test_prepare__asks_for_the_webhook_once_in_a_run(wire: Wire) -> None:
    wire.expect(f"GET {PATH}", json=WEBHOOK)
    first, second = session(wire), session(wire)
    second.memo = first.memo
    assert DISCORD.prepare(step(), first) == DISCORD.prepare(step(), second)


def test_prepare__renders_every_choice_with_the_posts_own_before_the_accounts(wire: Wire) -> None:
    embeds = [{"title": "v1.2", "url": "https://example.org/1", "description": "Notes"}]
    ready = prepared(
        wire,
        step("Out", link="https://example.org/1", options={"embeds": embeds, "mentions": ["users", "roles"]}),
        username="Newsroom",
        avatar_url="https://example.org/a.png",
        thread_id="99",
        suppress_embeds="true",
        mentions="everyone",
    )
    assert ready.request == {
        "query": {"wait": "true", "thread_id": "99"},
        "body": {
            "content": "Out\nhttps://example.org/1",
            "allowed_mentions": {"parse": ["roles", "users"]},
            "username": "Newsroom",
            "avatar_url": "https://example.org/a.png",
            "embeds": embeds,
            "flags": 4,
        },
    }
    assert ready.handles == {**WHERE, "channel_id": "99"}


def test_prepare__a_poll_asks_what_the_text_says(wire: Wire) -> None:
    poll = Poll(options=("red", "blue"), duration_seconds=5400, multiple=True)
    assert body_of(wire, step("Which?", poll=poll, link="https://example.org/")) == {
        "content": "https://example.org/",
        **QUIET,
        "poll": {
            "question": {"text": "Which?"},
            "answers": [{"poll_media": {"text": "red"}}, {"poll_media": {"text": "blue"}}],
            "duration": 2,
            "allow_multiselect": True,
        },
    }


def test_prepare__describes_attachments(wire: Wire, picture: Media) -> None:
    plain = Media(source="https://example.com/dog.jpg?size=1")
    assert body_of(wire, step("", media=(picture, plain))) == {
        **QUIET,
        "attachments": [
            {"id": 0, "filename": "cat.png", "description": "a cat"},
            {"id": 1, "filename": "dog.jpg"},
        ],
    }


def test_prepare__a_deleted_webhook_is_noticed_before_anything_is_sent(wire: Wire) -> None:
    wire.expect(f"GET {PATH}", 404, json={"message": "Unknown Webhook", "code": 10015})
    with pytest.raises(AuthExpired, match="Unknown Webhook"):
        DISCORD.prepare(step(), session(wire))


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__waits_for_the_message_it_made(wire: Wire) -> None:
    wire.expect(f"POST {PATH}", json=MESSAGE)
    mine = session(wire)
    confirmed = DISCORD.send_step(sent(), mine)
    assert confirmed == Confirmed(
        remote_id=MESSAGE["id"], url=f"https://discord.com/channels/789/456/{MESSAGE['id']}"
    )
    assert wire.last.url == f"https://discord.com{PATH}?wait=true"
    assert "authorization" not in wire.last.headers
    assert wire.sent == {"content": "Hello", **QUIET}


def test_send_step__has_no_link_where_the_server_is_not_known(wire: Wire) -> None:
    wire.expect(f"POST {PATH}", json=MESSAGE)
    assert DISCORD.send_step(sent(handles={**WHERE, "guild_id": None}), session(wire)).url is None


@pytest.mark.parametrize(
    "host", ["discordapp.com", "canary.discord.com", "discord.com/api/v9/webhooks/123/TOKEN/"]
)
def test_connect__takes_the_webhook_out_of_its_address_and_asks_discord_itself(wire: Wire, host: str) -> None:
    url = f"https://{host}" if "/" in host else f"https://{host}/api/webhooks/123/TOKEN"
    account = Account(id=1, platform="discord", handle="newsroom")
    mine = DISCORD.connect(account, {"webhook_url": url}, App(), wire.http)
    wire.expect("GET /api/v10/webhooks/123/TOKEN", json=WEBHOOK)
    assert DISCORD.identify(mine) == Identity(external_id="123", handle="Newsroom")
    assert wire.last.url.host == "discord.com"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/api/webhooks/123/TOKEN",
        "https://discord.com.evil.example/api/webhooks/123/TOKEN",
        "http://discord.com/api/webhooks/123/TOKEN",
        "https://discord.com/api/webhooks/123/TOKEN\n",
        "https://discord.com/api/webhooks/123/TOKEN/slack",
        "https://discord.com/api/webhooks/123/TOK EN",
    ],
)
def test_connect__takes_no_other_address(wire: Wire, url: str) -> None:
    account = Account(id=1, platform="discord", handle="newsroom")
    with pytest.raises(AuthExpired) as caught:
        DISCORD.connect(account, {"webhook_url": url}, App(), wire.http)
    assert "TOK EN" not in str(caught.value)


def test_send_step__goes_to_the_base_url_where_one_is_set(wire: Wire) -> None:
    wire.expect(f"POST /discord{PATH}", json=MESSAGE)
    DISCORD.send_step(sent(), session(wire, base_url="http://127.0.0.1:9/discord"))
    assert wire.last.url.host == "127.0.0.1"


def test_send_step__files_travel_with_the_message_the_same_way_each_time(wire: Wire, picture: Media) -> None:
    body = body_of(wire, step("Photo", media=(picture,)))
    bodies = []
    for _ in range(2):
        wire.expect(f"POST {PATH}", json=MESSAGE)
        DISCORD.send_step(sent(body, media=(picture,)), session(wire))
        bodies.append(wire.last.content)
    assert bodies[0] == bodies[1]
    assert wire.last.headers["content-type"] == "multipart/form-data; boundary=the-key"
    assert int(wire.last.headers["content-length"]) == len(bodies[0])
    payload, file = bodies[0].split(b"--the-key\r\n")[1:]
    assert payload.startswith(
        b'Content-Disposition: form-data; name="payload_json"\r\nContent-Type: application/json\r\n\r\n'
    )
    assert json.loads(payload.partition(b"\r\n\r\n")[2]) == body
    assert file == (
        b'Content-Disposition: form-data; name="files[0]"; filename="cat.png"\r\nContent-Type: image/png\r\n\r\n'
        b"PNG bytes\r\n--the-key--\r\n"
    )


def test_send_step__a_file_that_is_gone_leaves_everything_unsent(wire: Wire, picture: Media) -> None:
    assert picture.path is not None
    body = body_of(wire, step("Photo", media=(picture,)))
    picture.path.unlink()
    mine = session(wire)
    with pytest.raises(Rejected, match=r"pets/cat\.png cannot be read"):
        DISCORD.send_step(sent(body, media=(picture,)), mine)
    assert mine.visible == "unsent"


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, 50035, "Invalid Form Body", Rejected),
        (400, 50006, "Cannot send an empty message", Rejected),
        (400, 50109, "The request body contains invalid JSON.", Rejected),
        (400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id", Rejected),
        (400, 240000, "Message blocked by harmful links filter", Rejected),
        (400, 160005, "This thread is locked", Rejected),
        (413, 40005, "Request entity too large", Rejected),
        (400, 40005, "Request entity too large", Rejected),
        (401, 50027, "Invalid Webhook Token", AuthExpired),
        (404, 10015, "Unknown Webhook", AuthExpired),
        (404, 0, "404: Not Found", AuthExpired),
        (404, 10003, "Unknown Channel", Rejected),
        (404, 10008, "Unknown Message", Rejected),
        (403, 50013, "You lack permissions to perform that action", AuthExpired),
        (403, 50001, "Missing access", AuthExpired),
        (403, 20001, "Bots cannot use this endpoint", PlatformFailure),
        (429, 20028, "The write action you are performing has hit the write rate limit.", RateLimited),
        (400, 20016, "This action cannot be performed due to slowmode rate limit", RateLimited),
    ],
)
def test_send_step__a_refusal_says_what_was_refused(
    wire: Wire, status: int, code: int, message: str, kind: type[PlatformError]
) -> None:
    wire.expect(f"POST {PATH}", status, json={"message": message, "code": code})
    mine = session(wire)
    with pytest.raises(PlatformError) as caught:
        DISCORD.send_step(sent(), mine)
    assert type(caught.value) is kind
    assert caught.value.message == f"discord account 'newsroom' (id 1): HTTP {status}: {message}"
    assert caught.value.retryable is (kind is RateLimited)
    assert mine.visible == "refused"


def test_send_step__names_the_part_of_the_request_that_is_wrong(wire: Wire) -> None:
    """https://docs.discord.com/developers/reference#error-messages"""
    errors = {
        "content": {
            "_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]
        },
        "embeds": {"0": {"title": {"_errors": [{"code": "X", "message": "Too long."}]}}},
    }
    wire.expect(f"POST {PATH}", 400, json={"message": "Invalid Form Body", "code": 50035, "errors": errors})
    with pytest.raises(Rejected) as caught:
        DISCORD.send_step(sent(), session(wire))
    assert caught.value.message.endswith(
        "Invalid Form Body; content: Must be 2000 or fewer in length.; embeds.0.title: Too long."
    )


@pytest.mark.parametrize(("status", "kind"), [(403, PlatformFailure), (429, RateLimited)])
def test_send_step__a_ban_by_cloudflare_says_nothing_of_the_webhook(
    wire: Wire, status: int, kind: type[PlatformError]
) -> None:
    wire.expect(f"POST {PATH}", status, text="<html>error code: 1015")
    with pytest.raises(kind) as caught:
        DISCORD.send_step(sent(), session(wire))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [(64.57, "65", 65.0), (64.57, "10", 64.57), (None, "7", 7.0), (1.5, None, 1.5)],
)
def test_send_step__waits_for_the_larger_of_body_and_header(
    wire: Wire, body: float | None, header: str | None, seconds: float
) -> None:
    """https://docs.discord.com/developers/topics/rate-limits#exceeding-a-rate-limit"""
    wire.expect(
        f"POST {PATH}",
        429,
        json={"message": "You are being rate limited.", "global": False}
        | ({"retry_after": body} if body else {}),
        headers={"X-RateLimit-Scope": "user"} | ({"Retry-After": header} if header else {}),
    )
    mine = session(wire)
    with pytest.raises(RateLimited) as caught:
        DISCORD.send_step(sent(), mine)
    assert caught.value.retry_after == seconds
    (seen,) = mine.seen
    assert (seen.family, seen.retry_after, seen.blocked) == ("publish", seconds, True)


def test_limits__are_read_off_every_answer(wire: Wire) -> None:
    """https://docs.discord.com/developers/topics/rate-limits#header-format"""
    headers = {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1788249600.123",
        "X-RateLimit-Reset-After": "2.0",
        "X-RateLimit-Bucket": "abcd1234",
    }
    wire.expect(f"POST {PATH}", json=MESSAGE, headers=headers)
    mine = session(wire)
    DISCORD.send_step(sent(), mine)
    (seen,) = mine.seen
    assert (seen.family, seen.limit, seen.remaining, seen.blocked) == ("publish", 5, 0, False)
    assert seen.reset_at == datetime.fromtimestamp(1788249600.123, UTC)


def test_limits__a_global_one_holds_for_writes_even_if_a_read_met_it(wire: Wire) -> None:
    wire.expect(
        f"GET {PATH}",
        429,
        json={"message": "You are being rate limited.", "retry_after": 3.2, "global": True},
        headers={"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"},
    )
    mine = session(wire)
    with pytest.raises(RateLimited):
        DISCORD.identify(mine)
    assert [(seen.family, seen.blocked) for seen in mine.seen] == [("publish", True)]


@pytest.mark.parametrize("status", [302, 408, 409, 500, 502, 503, 504])
def test_send_step__anything_else_leaves_the_outcome_unknown(wire: Wire, status: int) -> None:
    wire.expect(f"POST {PATH}", status, text="<html>")
    with pytest.raises(OutcomeUnknown):
        DISCORD.send_step(sent(), session(wire))


def test_send_step__an_answer_without_a_message_is_unknown(wire: Wire) -> None:
    wire.expect(f"POST {PATH}", 204)
    mine = session(wire)
    with pytest.raises(OutcomeUnknown, match="no id"):
        DISCORD.send_step(sent(), mine)
    assert mine.visible == "open"


# --- reconcile ---------------------------------------------------------------------------------------------


def snowflake(moment: datetime, number: int = 0) -> str:
    """https://docs.discord.com/developers/reference#snowflakes"""
    return str(((int(moment.timestamp() * 1000) - 1420070400000) << 22) + number)


def listed(minutes: float = 0, number: int = 0, **parts: Any) -> dict[str, Any]:
    """One message of our webhook, made `minutes` after the first send."""
    made = datetime.fromtimestamp(SENT_AT.timestamp() + minutes * 60, UTC)
    return {**MESSAGE, "id": snowflake(made, number), **parts}


OLD = listed(-2, webhook_id=None, content="someone said")


def test_reconcile__finds_the_message_as_the_bot(wire: Wire) -> None:
    ours = listed(0.1)
    others = [listed(1, webhook_id="124"), listed(0.5, content="Hello!"), listed(0.4, webhook_id=None)]
    wire.expect(LIST, json=[*others, ours, OLD])
    look = DISCORD.reconcile(sent(), session(wire, bot=True))
    assert look.complete
    assert look.matches == (
        Confirmed(remote_id=ours["id"], url=f"https://discord.com/channels/789/456/{ours['id']}"),
    )
    assert wire.last.headers["authorization"] == f"Bot {BOT}"
    assert dict(wire.last.url.params) == {"limit": "100"}
    assert TOKEN not in str(wire.last.url)


def test_reconcile__pages_back_past_the_first_send_before_it_believes_an_absence(wire: Wire) -> None:
    newest = listed(5, content="later")
    wire.expect(LIST, json=[newest])
    wire.expect(LIST, json=[OLD])
    look = DISCORD.reconcile(sent(), session(wire, bot=True))
    assert (look.complete, look.matches) == (True, ())
    assert wire.last.url.params["before"] == newest["id"]


def test_reconcile__a_channels_beginning_is_far_enough(wire: Wire) -> None:
    wire.expect(LIST, json=[listed(1, content="later")])
    wire.expect(LIST, json=[])
    assert DISCORD.reconcile(sent(), session(wire, bot=True)).complete


def test_reconcile__an_empty_channel_proves_nothing(wire: Wire) -> None:
    """A bot without Read Message History gets this answer, too."""
    wire.expect(LIST, json=[])
    assert not DISCORD.reconcile(sent(), session(wire, bot=True)).complete


def test_reconcile__a_message_whose_content_the_bot_is_not_shown_proves_nothing(wire: Wire) -> None:
    wire.expect(LIST, json=[listed(content=""), OLD])
    look = DISCORD.reconcile(sent(), session(wire, bot=True))
    assert (look.complete, look.matches) == (False, ())


def test_reconcile__a_thousand_newer_messages_prove_nothing(wire: Wire) -> None:
    for _ in range(20):
        wire.expect(LIST, json=[listed(5, content="later")])
    assert not DISCORD.reconcile(sent(), session(wire, bot=True)).complete


@pytest.mark.parametrize(
    ("body", "message", "same"),
    [
        ({"content": " Hello\u200b world "}, {"content": "Hello world"}, True),
        ({"content": "Hello"}, {"content": "Hello", "embeds": [{"title": "a preview"}]}, True),
        ({"content": "Hello", "attachments": [{"id": 0}]}, {"content": "Hello"}, False),
        ({"attachments": [{"id": 0}]}, {"content": "", "attachments": [{"id": "7"}]}, True),
        ({"embeds": [{"title": "v1 "}]}, {"content": "", "embeds": [{"title": "v1"}]}, True),
        ({"embeds": [{"title": "v1"}]}, {"content": "", "embeds": [{"title": "v2"}]}, False),
        (
            {"poll": {"question": {"text": "a"}}},
            {"content": "", "poll": {"question": {"text": "a"}}},
            True,
        ),
        (
            {"poll": {"question": {"text": "a"}}},
            {"content": "", "poll": {"question": {"text": "b"}}},
            False,
        ),
    ],
)
def test_reconcile__compares_what_a_message_holds(
    wire: Wire, body: dict[str, Any], message: dict[str, Any], same: bool
) -> None:
    wire.expect(LIST, json=[listed(**message), OLD])
    look = DISCORD.reconcile(sent(body), session(wire, bot=True))
    assert (len(look.matches), look.complete) == (int(same), True)


def test_reconcile__without_a_bot_is_a_persons_work(wire: Wire) -> None:
    look = DISCORD.reconcile(sent(), session(wire))
    assert not look.complete
    assert "bot_token" in str(look.unanswerable)


@pytest.mark.parametrize(("status", "code"), [(401, 0), (403, 50001), (404, 10003)])
def test_reconcile__a_bot_that_may_not_read_never_disconnects_the_webhook(
    wire: Wire, status: int, code: int
) -> None:
    wire.expect(LIST, status, json={"message": "Missing Access", "code": code})
    look = DISCORD.reconcile(sent(), session(wire, bot=True))
    assert not look.complete
    assert "may not read the channel" in str(look.unanswerable)
    assert "Missing Access" in str(look.unanswerable)


def test_reconcile__a_thread_the_message_opened_is_not_known(wire: Wire) -> None:
    step_ = sent(handles={**WHERE, "channel_id": None})
    look = DISCORD.reconcile(step_, session(wire, bot=True))
    assert not look.complete
    assert look.unanswerable


def test_reconcile__before_the_first_send_there_is_nothing_to_find(wire: Wire) -> None:
    assert DISCORD.reconcile(sent(first_sending_at=None), session(wire, bot=True)) == Look(complete=False)


@pytest.mark.parametrize("answer", [{"messages": []}, [{"content": "Hello"}], [{"id": "x"}], [None]])
def test_reconcile__an_unusable_listing_is_an_error(wire: Wire, answer: Any) -> None:
    wire.expect(LIST, json=answer)
    with pytest.raises(PlatformFailure) as caught:
        DISCORD.reconcile(sent(), session(wire, bot=True))
    assert caught.value.retryable


# --- read_metrics ------------------------------------------------------------------------------------------

# https://docs.discord.com/developers/resources/webhook#get-webhook-message
READ = f"GET /api/v10/webhooks/123/{TOKEN}/messages/{MESSAGE['id']}"


def reading(wire: Wire, **more: Any) -> Any:
    wire.expect(READ, json=MESSAGE | more)
    return DISCORD.read_metrics([MESSAGE["id"]], session(wire))[MESSAGE["id"]]


def test_read_metrics__counts_reactions(wire: Wire) -> None:
    listed = [{"count": 3, "emoji": {"name": "👍"}}, {"count": 1, "emoji": {"id": "41", "name": "cat"}}]
    assert reading(wire, reactions=listed) == Reading(likes=4, raw={"reactions": [3, 1]})
    assert not wire.last.url.query
    assert "authorization" not in wire.last.headers


def test_read_metrics__a_message_that_lists_no_reactions_has_none(wire: Wire) -> None:
    assert reading(wire) == Reading(likes=0, raw={"reactions": []})


@pytest.mark.parametrize("listed", [[{"count": 3}, {"count": "many"}], [None], {"count": 3}, "3"])
def test_read_metrics__nonsense_is_no_number(wire: Wire, listed: Any) -> None:
    assert reading(wire, reactions=listed).likes is None


def test_read_metrics__asks_in_the_accounts_thread(wire: Wire) -> None:
    wire.expect(READ, json=MESSAGE)
    DISCORD.read_metrics([MESSAGE["id"]], session(wire, thread_id="77"))
    assert dict(wire.last.url.params) == {"thread_id": "77"}


@pytest.mark.parametrize(
    ("code", "words"), [(10008, "Unknown Message"), (10003, "Unknown Channel"), (10015, "Unknown Webhook")]
)
def test_read_metrics__what_is_not_found_is_not_asked_for_again(wire: Wire, code: int, words: str) -> None:
    wire.expect(READ, 404, json={"message": words, "code": code})
    [closed] = DISCORD.read_metrics([MESSAGE["id"]], session(wire)).values()
    assert isinstance(closed, Closed)
    assert words in str(closed.error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {}, AuthExpired),
        (404, [], AuthExpired),
        (401, {"message": "Invalid Webhook Token", "code": 50027}, AuthExpired),
        (429, {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}, RateLimited),
        (500, {}, PlatformFailure),
        (200, {}, PlatformFailure),
        (200, [], PlatformFailure),
    ],
)
def test_read_metrics__trouble_is_an_error(
    wire: Wire, status: int, body: Any, kind: type[PlatformError]
) -> None:
    wire.expect(READ, status, json=body)
    with pytest.raises(kind) as caught:
        DISCORD.read_metrics([MESSAGE["id"]], session(wire))
    assert TOKEN not in str(caught.value)


# --- secrets -----------------------------------------------------------------------------------------------


def test_refresh__is_never_possible(wire: Wire) -> None:
    assert not DISCORD.can_refresh({"webhook_url": "x"})
    with pytest.raises(AuthExpired):
        DISCORD.refresh(Account(id=1, platform="discord", handle="n"), {}, App(), wire.http)


def test_tokens__are_in_nothing_but_address_and_header(
    wire: Wire, caplog: pytest.LogCaptureFixture, picture: Media
) -> None:
    """Every way to fail, with a Discord that repeats the tokens in all it says."""
    caplog.set_level(logging.DEBUG, logger="socialcron")
    words = f"https://discord.com{PATH} {TOKEN} {BOT}"
    echo = {"message": words, "code": 1, "errors": {"content": {"_errors": [{"message": words}]}}}
    answers: list[httpx.Response | Exception] = [httpx.ConnectError("no"), httpx.ReadError("no")]
    answers += [httpx.Response(status, json=echo) for status in (200, 302, *range(400, 600))]
    everything: list[str] = []
    body = body_of(wire, step("Photo", media=(picture,)))
    for answer in answers:
        for line in (f"POST {PATH}", f"GET {PATH}", LIST):
            mine = session(wire, bot=True)
            wire.script = [(line, answer)] * 3  # reads are repeated
            look: Any = None
            error: BaseException | None = None
            try:
                if line == LIST:
                    look = DISCORD.reconcile(sent(), mine)
                elif line.startswith("POST"):
                    DISCORD.send_step(sent(body, media=(picture,)), mine)
                else:
                    DISCORD.prepare(step(), mine)
            except PlatformError as exc:
                error = exc
                everything.append(str(exc.hint))
            assert look or error
            everything.append(f"{look!r} {mine!r} {mine.seen!r} {mine.memo!r}")
            while error is not None:
                everything.append(f"{error} {error!r}")
                error = error.__cause__ or error.__context__
    wire.script = []
    everything.append(caplog.text)
    assert len(everything) > 1000
    assert not [words for words in everything if TOKEN in words or BOT in words]
