"""The documented answers: https://core.telegram.org/bots/api"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.telegram import parse_html, parse_markdown
from tests.sandbox.conftest import GIF, MP4, PNG


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    token = sandbox.account("telegram", "cafe")["credentials"]["bot_token"]
    with httpx.Client(base_url=f"{sandbox.url('telegram')}/bot{token}") as client:
        yield client


def send(client: httpx.Client, text: str = "Hello", **fields: Any) -> httpx.Response:
    return client.post("/sendMessage", json={"chat_id": "@cafe", "text": text, **fields})


def upload(client: httpx.Client, kind: str, data: bytes, **fields: str) -> httpx.Response:
    method = f"/send{kind.capitalize()}"
    return client.post(method, data={"chat_id": "@cafe", **fields}, files={kind: (f"a.{kind}", data)})


def album(client: httpx.Client, items: list[dict[str, Any]], **files: bytes) -> httpx.Response:
    parts = {name: (name, data) for name, data in files.items()}
    return client.post(
        "/sendMediaGroup", data={"chat_id": "@cafe", "media": json.dumps(items)}, files=parts or None
    )


def refused(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert (body["ok"], body["error_code"]) == (False, answer.status_code)
    return answer.status_code, body["description"]


# --- messages ----------------------------------------------------------------------------------------------


def test_message__is_sent_and_named(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = send(client, "Grüße 👋")
    message = answer.json()["result"]
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    assert (message["message_id"], message["text"]) == (1, "Grüße 👋")
    assert message["chat"] == {
        "id": int(sandbox.account("telegram", "cafe")["external_id"]),
        "type": "channel",
        "title": "cafe",
        "username": "cafe",
    }
    (post,) = sandbox.posts("telegram")
    assert (post["id"], post["text"]) == (f"{message['chat']['id']}/1", "Grüße 👋")
    assert not [name for name in answer.headers if "limit" in name.lower()]


def test_message__comes_in_forms_too(sandbox: Sandbox, client: httpx.Client) -> None:
    chat_id = sandbox.account("telegram", "cafe")["external_id"]
    form = {"chat_id": chat_id, "text": "1", "disable_notification": "true"}
    assert client.post("/sendMessage", data=form).status_code == 200
    assert sandbox.posts("telegram")[0]["text"] == "1"


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"text": "x" * 4096}, None),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "👍" * 2049}, "message is too long"),
        ({"text": "<b>" + "x" * 4096 + "</b>", "parse_mode": "HTML"}, None),
        ({"text": " "}, "message text is empty"),
        ({"text": "<b></b>", "parse_mode": "HTML"}, "message text is empty"),
        ({"text": "a < b", "parse_mode": "HTML"}, "can't parse entities: Unsupported start tag"),
        ({"text": "a.b", "parse_mode": "MarkdownV2"}, "can't parse entities: Character '.' is reserved"),
        ({"text": "a", "parse_mode": "Markdown"}, "unsupported parse_mode"),
        ({"text": "a", "parse_mod": "HTML"}, "unknown parameter 'parse_mod'"),
        (
            {"text": "a", "disable_notification": "true"},
            "parameter 'disable_notification' has the wrong type",
        ),
        ({"text": "a", "reply_parameters": {"message_id": 9}}, "message to be replied not found"),
        ({"text": "a", "message_thread_id": 3}, "message thread not found"),
        ({"text": "a", "link_preview_options": {"disabled": True}}, "unknown parameter 'disabled'"),
        ({"text": "a", "chat_id": "@nobody"}, "chat not found"),
        ({"text": "a", "chat_id": -1001}, "chat not found"),
    ],
)
def test_message__is_judged(
    sandbox: Sandbox, client: httpx.Client, fields: dict[str, Any], answer: str | None
) -> None:
    got = client.post("/sendMessage", json={"chat_id": "@cafe", **fields})
    if answer is None:
        assert got.status_code == 200
    else:
        status, description = refused(got)
        assert status == 400
        assert description.startswith(f"Bad Request: {answer}")
        assert sandbox.posts("telegram") == []


def test_message__with_a_broken_body_is_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert refused(client.post("/sendMessage", content=b'{"chat_id', headers=headers))[0] == 400


def test_reply__points_to_its_parent(sandbox: Sandbox, client: httpx.Client) -> None:
    first = send(client, "1").json()["result"]["message_id"]
    send(client, "2", reply_parameters={"message_id": first})
    one, two = sandbox.posts("telegram")
    assert two["reply_to"] == one["id"]


def test_markup__is_parsed_and_the_text_kept(sandbox: Sandbox, client: httpx.Client) -> None:
    text = '<b>Open</b> &amp; <a href="https://a.example/?a=1&amp;b=2">here</a>'
    assert send(client, text, parse_mode="HTML").json()["result"]["text"] == "Open & here"
    assert sandbox.posts("telegram")[0]["text"] == text


def test_markup__knows_tags_and_escapes() -> None:
    assert parse_html("a &lt; b &#8364;") == "a < b €"
    assert parse_markdown(r"*bold* _it_ [x\.y](https://a.example/\)b) \*1\*") == "bold it x.y *1*"
    for wrong in ("<b>a", "a</b>", "<b><i>a</b></i>", "<center>a</center>", "&nbsp;"):
        with pytest.raises(ValueError):
            parse_html(wrong)
    for wrong in ("a!", "(a)", "1-2", "#a"):
        with pytest.raises(ValueError):
            parse_markdown(wrong)


def test_poll__is_sent_and_judged(sandbox: Sandbox, client: httpx.Client) -> None:
    def poll(**fields: Any) -> httpx.Response:
        options = [{"text": "red"}, {"text": "blue"}]
        return client.post(
            "/sendPoll", json={"chat_id": "@cafe", "question": "Which?", "options": options, **fields}
        )

    assert (
        poll(open_period=600, allows_multiple_answers=True).json()["result"]["poll"]["question"] == "Which?"
    )
    odd: list[dict[str, Any]] = [
        {"question": ""},
        {"question": "x" * 301},
        {"options": []},
        {"options": [{"text": "a"}] * 13},
        {"options": ["a"]},
        {"options": [{"text": "x" * 101}]},
        {"open_period": 4},
    ]
    for wrong in odd:
        assert refused(poll(**wrong))[0] == 400
    assert len(sandbox.posts("telegram")) == 1


# --- files -------------------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    return PNG[:16] + width.to_bytes(4) + height.to_bytes(4) + PNG[24:]


@pytest.mark.parametrize(
    ("kind", "data", "answer"),
    [
        ("photo", PNG, None),
        ("photo", png(5000, 5000), None),
        ("photo", png(5000, 5001), "PHOTO_INVALID_DIMENSIONS"),
        ("photo", png(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        ("photo", MP4, "IMAGE_PROCESS_FAILED"),
        ("photo", b"", "file must be non-empty"),
        ("video", MP4, None),
        ("video", GIF, "wrong type of the file"),
        ("animation", GIF, None),
        ("document", b"anything", None),
    ],
)
def test_file__is_judged_by_its_bytes(
    sandbox: Sandbox, client: httpx.Client, kind: str, data: bytes, answer: str | None
) -> None:
    got = upload(client, kind, data, caption="Look")
    if answer:
        assert refused(got) == (400, f"Bad Request: {answer}")
        return
    assert got.json()["result"]["caption"] == "Look"
    (post,) = sandbox.posts("telegram")
    assert (post["text"], post["media"]) == ("Look", [f"{kind}:a.{kind}"])


def test_file__too_large_is_413(sandbox: Sandbox, client: httpx.Client) -> None:
    assert refused(upload(client, "photo", PNG + bytes(10_000_000)))[0] == 413
    assert refused(upload(client, "document", bytes(50_200_000)))[0] == 413
    assert sandbox.posts("telegram") == []


def test_file__a_caption_has_its_own_limit(client: httpx.Client) -> None:
    assert upload(client, "photo", PNG, caption="x" * 1024).status_code == 200
    assert refused(upload(client, "photo", PNG, caption="x" * 1025))[1] == (
        "Bad Request: message caption is too long"
    )


def test_file__in_a_part_nobody_asked_for_is_refused(client: httpx.Client) -> None:
    answer = client.post("/sendPhoto", data={"chat_id": "@cafe"}, files={"picture": ("a", PNG)})
    assert refused(answer) == (400, "Bad Request: unexpected file 'picture'")


def test_file__can_be_an_address(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(PNG)
    with Sandbox.start(media=tmp_path) as media:
        for url, answer in (
            (f"{media.media_url}/cat.png", None),
            (f"{media.media_url}/dog.png", "failed to get HTTP URL content"),
            ("AgACAgIAAx", "wrong file identifier/HTTP URL specified"),
        ):
            got = client.post("/sendPhoto", json={"chat_id": "@cafe", "photo": url})
            assert got.status_code == (400 if answer else 200)
            assert answer is None or got.json()["description"] == f"Bad Request: {answer}"


def test_album__is_one_post_of_several_messages(sandbox: Sandbox, client: httpx.Client) -> None:
    items: list[dict[str, Any]] = [
        {"type": "photo", "media": "attach://p1", "caption": "Two"},
        {"type": "video", "media": "attach://p2", "supports_streaming": True},
    ]
    messages = album(client, items, p1=PNG, p2=MP4).json()["result"]
    assert [message["message_id"] for message in messages] == [1, 2]
    assert messages[0]["media_group_id"] == messages[1]["media_group_id"]
    (post,) = sandbox.posts("telegram")
    assert (post["text"], post["media"]) == ("Two", ["photo:p1", "video:p2"])
    assert send(client).json()["result"]["message_id"] == 3


@pytest.mark.parametrize(
    "items",
    [
        [{"type": "photo", "media": "attach://p1"}],
        [{"type": "photo", "media": "attach://p1"}] * 11,
        [{"type": "photo", "media": "attach://p1"}, {"type": "document", "media": "attach://p1"}],
        [{"type": "animation", "media": "attach://p1"}, {"type": "photo", "media": "attach://p1"}],
        [{"type": "photo", "media": "attach://p1"}, {"type": "photo", "media": "attach://p2"}],
        [{"type": "photo", "media": "attach://p1"}, {"type": "photo", "media": "attach://p1", "alt": "x"}],
        ["attach://p1", "attach://p1"],
    ],
)
def test_album__is_judged(sandbox: Sandbox, client: httpx.Client, items: list[Any]) -> None:
    assert refused(album(client, items, p1=PNG))[0] == 400
    assert sandbox.posts("telegram") == []


def test_album__leaves_no_file_over(client: httpx.Client) -> None:
    items = [{"type": "photo", "media": "attach://p1"}, {"type": "photo", "media": "attach://p2"}]
    assert "unexpected file 'p3'" in refused(album(client, items, p1=PNG, p2=PNG, p3=PNG))[1]


# --- who asks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "status"), [("1:" + "x" * 30, 401), ("wrong", 404)])
def test_token__unknown_or_malformed_is_refused(sandbox: Sandbox, token: str, status: int) -> None:
    assert refused(httpx.post(f"{sandbox.url('telegram')}/bot{token}/getMe"))[0] == status


def test_token__of_a_name_makes_its_chat(sandbox: Sandbox) -> None:
    base = f"{sandbox.url('telegram')}/botsandbox-bob"
    assert httpx.get(f"{base}/getMe").json()["result"]["is_bot"]
    assert httpx.post(f"{base}/sendMessage", json={"chat_id": "@bob", "text": "Hi"}).status_code == 200
    assert [post["account"] for post in sandbox.posts("telegram")] == ["bob"]


def test_method__unknown_is_404(client: httpx.Client) -> None:
    assert refused(client.post("/sendEverything", json={})) == (404, "Not Found")


@pytest.mark.parametrize(
    ("options", "status", "description"),
    [
        ({"can_post": False}, 400, "Bad Request: not enough rights to send text messages to the chat"),
        ({"member": False}, 403, "Forbidden: bot was kicked from the channel chat"),
        (
            {"kind": "group", "moved_to": -1009},
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
        ),
    ],
)
def test_chat__without_the_right_to_post(
    sandbox: Sandbox, options: dict[str, Any], status: int, description: str
) -> None:
    made = sandbox.account("telegram", "crew", **options)
    base = f"{made['base_url']}/bot{made['credentials']['bot_token']}"
    answer = httpx.post(f"{base}/sendMessage", json={"chat_id": int(made["external_id"]), "text": "Hi"})
    assert refused(answer) == (status, description)
    if "moved_to" in options:
        assert answer.json()["parameters"] == {"migrate_to_chat_id": -1009}


def test_chat__of_another_bot_is_out_of_reach(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.account("telegram", "bob")
    assert refused(send(client, chat_id="@bob")) == (
        403,
        "Forbidden: bot is not a member of the channel chat",
    )


def test_chat__private_has_a_number_only(sandbox: Sandbox) -> None:
    made = sandbox.account("telegram", "secret", public=False, kind="supergroup", topics=[7])
    base = f"{made['base_url']}/bot{made['credentials']['bot_token']}"
    body = {"chat_id": int(made["external_id"])}
    chat = httpx.post(f"{base}/getChat", json=body).json()["result"]
    assert chat == {"id": int(made["external_id"]), "type": "supergroup", "title": "secret"}
    assert httpx.post(f"{base}/getChat", json={"chat_id": "@secret"}).status_code == 400
    topic = httpx.post(f"{base}/sendMessage", json={**body, "text": "Hi", "message_thread_id": 7})
    assert topic.status_code == 200


def test_account__of_an_unknown_kind_is_no_account(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="kind"):
        sandbox.account("telegram", "x", kind="forum")


# --- limits and faults -------------------------------------------------------------------------------------


def test_limit__bites_after_twenty_messages_and_says_how_long(client: httpx.Client, sandbox: Sandbox) -> None:
    for _ in range(20):
        assert send(client).status_code == 200
    answer = send(client)
    body = answer.json()
    seconds = body["parameters"]["retry_after"]
    assert refused(answer) == (429, f"Too Many Requests: retry after {seconds}")
    assert 55 <= seconds <= 60
    assert answer.headers["Retry-After"] == str(seconds)
    sandbox.advance(seconds)
    assert send(client).status_code == 200


def test_faults__speak_as_telegram_does(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("429", platform="telegram", account="cafe", count=1, retry_after=9)
    assert send(client).json()["parameters"] == {"retry_after": 9}
    sandbox.fault("5xx", platform="telegram", visible_only=True, count=1)
    assert refused(send(client))[0] == 503
    sandbox.fault("expired_token", platform="telegram", count=1)
    assert refused(send(client)) == (401, "Unauthorized")
    sandbox.fault("accept_then_drop", platform="telegram", visible_only=True, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        send(client)
    assert len(sandbox.posts("telegram")) == 1
