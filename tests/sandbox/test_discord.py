"""The documented answers: https://docs.discord.com/developers/resources/webhook and /resources/message"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from tests.sandbox.conftest import MP4, PNG


class Webhook(httpx.Client):
    """A client at the address of a webhook of channel NEWS; `bot` is another, with the bot's token."""

    def __init__(self, sandbox: Sandbox, **options: Any) -> None:
        made = sandbox.account("discord", "news", bot=True, **options)
        self.address = made["credentials"]["webhook_url"].replace("https://discord.com/api", "/api/v10")
        super().__init__(base_url=made["base_url"])
        self.bot = httpx.Client(
            base_url=made["base_url"], headers={"Authorization": f"Bot {made['credentials']['bot_token']}"}
        )

    @cached_property
    def channel(self) -> str:
        return str(self.get(self.address).json()["channel_id"])

    def say(self, content: str = "Hello", query: str = "?wait=true", **body: Any) -> httpx.Response:
        return self.post(self.address + query, json={"content": content, **body})

    def send_files(self, body: dict[str, Any], *files: bytes) -> httpx.Response:
        parts: list[Any] = [("payload_json", (None, json.dumps(body), "application/json"))]
        parts += [(f"files[{number}]", (f"{number}.bin", data)) for number, data in enumerate(files)]
        return self.post(f"{self.address}?wait=true", files=parts)

    def listed(self, **query: str) -> httpx.Response:
        return self.bot.get(f"/api/v10/channels/{self.channel}/messages", params=query)


@pytest.fixture
def quick() -> Iterator[Sandbox]:
    """Without limits that bite: five messages in two seconds are few."""
    with Sandbox.start(seed=1, limited=False) as running:
        yield running


@pytest.fixture
def webhook(quick: Sandbox) -> Iterator[Webhook]:
    with Webhook(quick) as webhook, webhook.bot:
        yield webhook


def refused(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


# --- messages ----------------------------------------------------------------------------------------------


def test_message__is_sent_and_shown(quick: Sandbox, webhook: Webhook) -> None:
    answer = webhook.say(" Hello ", username="Newsroom", allowed_mentions={"parse": []})
    message = answer.json()
    assert answer.status_code == 200
    assert (message["content"], message["author"]["username"]) == ("Hello", "Newsroom")
    assert (int(message["id"]) >> 22) + 1420070400000 == pytest.approx(time.time() * 1000, abs=10_000)
    assert webhook.get(f"{webhook.address}/messages/{message['id']}").json() == message
    assert webhook.get(webhook.address).json()["guild_id"]
    assert [post["text"] for post in quick.posts("discord")] == [" Hello "]


def test_message__without_wait_is_sent_and_not_shown(quick: Sandbox, webhook: Webhook) -> None:
    for query in ("", "?wait=false"):
        assert (webhook.say(query=query).status_code, webhook.say(query=query).content) == (204, b"")
    assert len(quick.posts("discord")) == 4


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({"content": " "}, 50006, None),
        ({}, 50006, None),
        ({"content": "x" * 2001}, 50035, "content"),
        ({"content": "a", "contents": "b"}, 50035, "contents"),
        ({"content": 5}, 50035, "content"),
        ({"content": "a", "username": "My Discord"}, 50035, "username"),
        ({"content": "a", "username": "x" * 81}, 50035, "username"),
        ({"content": "a", "username": ""}, 50035, "username"),
        ({"content": "a", "flags": 64}, 50035, "flags"),
        ({"content": "a", "allowed_mentions": {"parse": ["here"]}}, 50035, "allowed_mentions"),
        ({"embeds": [{"title": "x" * 257}]}, 50035, "embeds"),
        ({"embeds": [{"name": "x"}]}, 50035, "embeds"),
        ({"embeds": [{"title": "x"}] * 11}, 50035, "embeds"),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, 50035, "embeds"),
        ({"embeds": [{"fields": [{"name": "a", "value": "b"}] * 26}]}, 50035, "embeds"),
        ({"embeds": [{"fields": [{"name": "a", "value": "x" * 1025}]}]}, 50035, "embeds"),
        ({"content": "a", "attachments": [{"id": 0}]}, 50035, "attachments"),
        ({"poll": {"question": {"text": ""}, "answers": [{"poll_media": {"text": "a"}}]}}, 50035, "poll"),
        ({"poll": {"question": {"text": "a"}, "answers": []}}, 50035, "poll"),
        ({"poll": {"question": {"text": "a"}, "answers": ["a"]}}, 50035, "poll"),
        (
            {
                "poll": {
                    "question": {"text": "a"},
                    "answers": [{"poll_media": {"text": "a"}}],
                    "duration": 769,
                }
            },
            50035,
            "poll",
        ),
        ({"content": "a", "thread_name": "b"}, 220003, None),
    ],
)
def test_message__is_refused(
    quick: Sandbox, webhook: Webhook, body: dict[str, Any], code: int, where: str | None
) -> None:
    answer = webhook.post(f"{webhook.address}?wait=true", json=body)
    assert refused(answer) == (400, code)
    assert where is None or list(answer.json()["errors"]) == [where]
    assert quick.posts("discord") == []


def test_message__in_no_form_it_knows_is_refused(webhook: Webhook) -> None:
    address = f"{webhook.address}?wait=true"
    headers = {"Content-Type": "application/json"}
    assert refused(webhook.post(address, content=b"{", headers=headers)) == (400, 50109)
    assert refused(webhook.post(address, data={"content": "a"})) == (400, 50006)
    assert refused(webhook.post(address, content=b"[]", headers=headers)) == (400, 50109)
    assert refused(webhook.say(query="?wit=true")) == (400, 50035)


def test_poll__is_sent(quick: Sandbox, webhook: Webhook) -> None:
    poll = {"question": {"text": "Which?"}, "answers": [{"poll_media": {"text": "red"}}], "duration": 24}
    message = webhook.post(f"{webhook.address}?wait=true", json={"poll": poll}).json()
    assert message["poll"]["question"] == {"text": "Which?"}
    assert quick.posts("discord")[0]["text"] == "Which?"


def test_files__come_with_their_descriptions(quick: Sandbox, webhook: Webhook) -> None:
    told = [{"id": 1, "filename": "1.bin", "description": "a film"}]
    message = webhook.send_files({"content": "Two", "attachments": told}, PNG, MP4).json()
    assert [item["filename"] for item in message["attachments"]] == ["0.bin", "1.bin"]
    assert [item.get("description") for item in message["attachments"]] == [None, "a film"]
    assert quick.posts("discord")[0]["media"] == ["0.bin", "1.bin"]
    assert webhook.send_files({}, PNG).status_code == 200


@pytest.mark.parametrize(
    ("body", "files", "answer"),
    [
        ({}, [PNG] * 11, (400, 50035)),
        ({}, [bytes(10 * 2**20 + 1)], (413, 40005)),
        ({}, [bytes(9 * 2**20)] * 3, (413, 40005)),
        ({"attachments": [{"id": 1}]}, [PNG], (400, 50035)),
        ({"attachments": [{"id": 0, "alt": "x"}]}, [PNG], (400, 50035)),
        ({"attachments": [{"id": 0, "description": "x" * 1025}]}, [PNG], (400, 50035)),
    ],
)
def test_files__are_judged(
    quick: Sandbox, webhook: Webhook, body: dict[str, Any], files: list[bytes], answer: tuple[int, int]
) -> None:
    assert refused(webhook.send_files(body, *files)) == answer
    assert quick.posts("discord") == []


def test_files__come_in_order_after_the_payload(webhook: Webhook) -> None:
    file = ("files[1]", ("a.png", PNG))
    payload = ("payload_json", (None, "{}", "application/json"))
    untyped = ("payload_json", (None, "{}"))
    odd: list[list[Any]] = [[file], [payload, file], [untyped, ("files[0]", ("a", PNG))]]
    for parts in odd:
        assert refused(webhook.post(webhook.address, files=parts)) == (400, 50035)


def test_thread__is_posted_into_or_opened(quick: Sandbox) -> None:
    with Webhook(quick, forum=True, threads=["7"]) as webhook, webhook.bot:
        assert refused(webhook.say()) == (400, 220001)
        assert webhook.say(query="?wait=true&thread_id=7").json()["channel_id"] == "7"
        assert refused(webhook.say(query="?wait=true&thread_id=8")) == (404, 10003)
        assert refused(webhook.say(query="?wait=true&thread_id=7", thread_name="New")) == (400, 220002)
        opened = webhook.say(thread_name="New").json()["channel_id"]
        assert webhook.say(query=f"?wait=true&thread_id={opened}").status_code == 200


def test_reactions__grow_and_hide(quick: Sandbox, webhook: Webhook) -> None:
    address = f"{webhook.address}/messages/{webhook.say().json()['id']}"
    assert "reactions" not in webhook.get(address).json()
    quick.advance(30 * 86_400)
    [reaction] = webhook.get(address).json()["reactions"]
    assert reaction["count"] > 0
    quick.settings("discord", counts_hidden=True)
    assert webhook.get(address).json()["reactions"] == [{"emoji": reaction["emoji"]}]


def test_message__in_a_thread_is_found_there_alone(quick: Sandbox) -> None:
    with Webhook(quick, threads=("77",)) as webhook, webhook.bot:
        address = f"{webhook.address}/messages/{webhook.say(query='?wait=true&thread_id=77').json()['id']}"
        assert webhook.get(address, params={"thread_id": "77"}).status_code == 200
        assert refused(webhook.get(address)) == (404, 10008)


def test_message__can_be_deleted(quick: Sandbox, webhook: Webhook) -> None:
    address = f"{webhook.address}/messages/{webhook.say().json()['id']}"
    assert webhook.delete(address).status_code == 204
    assert refused(webhook.get(address)) == (404, 10008)
    assert quick.posts("discord") == []


# --- who asks ----------------------------------------------------------------------------------------------


def test_token__wrong_is_401_and_unknown_webhooks_are_404(webhook: Webhook) -> None:
    assert refused(webhook.post(f"{webhook.address}x", json={"content": "a"})) == (401, 50027)
    assert refused(webhook.post("/api/v10/webhooks/1/x", json={"content": "a"})) == (404, 10015)


def test_token__never_goes_with_an_authorization_header(webhook: Webhook) -> None:
    answer = webhook.bot.post(webhook.address, json={"content": "a"})
    assert refused(answer) == (400, 50035)


def test_token__of_a_name_makes_its_channel(quick: Sandbox) -> None:
    address = f"{quick.url('discord')}/api/v10/webhooks/1/sandbox-bob?wait=true"
    assert httpx.post(address, json={"content": "Hi"}).status_code == 200
    assert [post["account"] for post in quick.posts("discord")] == ["bob"]


# --- the bot -----------------------------------------------------------------------------------------------


def test_listing__is_newest_first_in_pages(webhook: Webhook) -> None:
    ids = [webhook.say(f"{number}").json()["id"] for number in range(5)]
    first = [message["id"] for message in webhook.listed(limit="2").json()]
    assert first == [ids[4], ids[3]]
    assert [message["id"] for message in webhook.listed(limit="2", before=first[1]).json()] == [
        ids[2],
        ids[1],
    ]
    assert [message["id"] for message in webhook.listed(after=ids[2]).json()] == [ids[4], ids[3]]
    assert webhook.listed(before=ids[0]).json() == []
    for query in ({"limit": "101"}, {"limit": "x"}, {"before": "1", "after": "1"}, {"page": "2"}):
        assert refused(webhook.listed(**query)) == (400, 50035)


def test_listing__needs_a_bot_in_the_channel(webhook: Webhook) -> None:
    path = f"/api/v10/channels/{webhook.channel}/messages"
    assert refused(webhook.get(path)) == (401, 0)
    assert refused(webhook.get(path, headers={"Authorization": "Bot x"})) == (401, 0)
    assert refused(webhook.bot.get("/api/v10/channels/1/messages")) == (403, 50001)


def test_listing__without_history_is_empty_and_without_the_intent_blank(quick: Sandbox) -> None:
    for options, shown in (({"history": False}, []), ({"intent": False}, [""]), ({}, ["Hello"])):
        quick.reset()
        with Webhook(quick, **options) as webhook, webhook.bot:
            webhook.say()
            assert [message["content"] for message in webhook.listed().json()] == shown


# --- limits and faults -------------------------------------------------------------------------------------


def test_limit__is_announced_and_bites(sandbox: Sandbox) -> None:
    with Webhook(sandbox) as webhook, webhook.bot:
        answers = [webhook.say() for _ in range(5)]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0"]
        assert float(answers[0].headers["X-RateLimit-Reset"]) == pytest.approx(time.time() + 2, abs=5)
        answer = webhook.say()
        body = answer.json()
        assert (answer.status_code, body["global"]) == (429, False)
        assert 0 < body["retry_after"] <= 2
        assert int(answer.headers["Retry-After"]) >= body["retry_after"]
        assert answer.headers["X-RateLimit-Scope"] == "user"
        sandbox.advance(2)
        assert webhook.say().status_code == 200


def test_faults__speak_as_discord_does(quick: Sandbox, webhook: Webhook) -> None:
    quick.fault("429", platform="discord", account="news", count=1, retry_after=9)
    assert webhook.say().json()["retry_after"] == pytest.approx(9, abs=1)
    quick.fault("5xx", platform="discord", visible_only=True, count=1)
    assert webhook.say().headers["content-type"] == "text/html"
    quick.fault("expired_token", platform="discord", count=1)
    assert refused(webhook.say()) == (404, 10015)
    quick.fault("lagging_listing", platform="discord", visible_only=True, count=1, looks=1)
    webhook.say()
    assert [len(webhook.listed().json()) for _ in range(2)] == [0, 1]
