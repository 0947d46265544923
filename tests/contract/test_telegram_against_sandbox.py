"""Telegram over real HTTP: every kind of post, and what becomes of lost answers; messages are counted there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from socialcron.errors import AuthExpired, PlatformFailure, RateLimited, Rejected
from socialcron.model import Confirmed, Look, Media, Poll, PreparedStep
from socialcron.platforms.http import Http
from socialcron.sandbox import Sandbox
from tests.contract.test_adapters_against_sandbox import LOST, Publisher
from tests.sandbox.conftest import GIF, MP4, PNG


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture
def telegram(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, "telegram", http, {"chat_id": "@alice"})


def file(tmp_path: Path, name: str, mime_type: str, data: bytes) -> Media:
    (tmp_path / name).write_bytes(data)
    return Media(source=name, path=tmp_path / name, mime_type=mime_type, size_bytes=len(data))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Media]:
    return {
        "photo": file(tmp_path, "cat.png", "image/png", PNG),
        "video": file(tmp_path, "cat.mp4", "video/mp4", MP4),
        "animation": file(tmp_path, "cat.gif", "image/gif", GIF),
        "document": file(tmp_path, "cat.pdf", "application/pdf", b"%PDF-1.7"),
    }


def test_a_thread_with_every_kind_of_post(telegram: Publisher, files: dict[str, Media]) -> None:
    sent = telegram.publish("Grüße 👋 <3 &", link="https://example.com/a?b=1&c=2")
    for number, (kind, item) in enumerate(files.items(), 1):
        reply = telegram.publish(kind, media=(item,), number=number, kind="reply", parent=sent, root=sent)
        assert reply.url == f"https://t.me/alice/{number + 1}"
        sent = reply
    telegram.publish("First!", number=5, kind="comment", parent=sent)
    posts = telegram.posts
    assert posts[0]["text"] == "Grüße 👋 <3 &\nhttps://example.com/a?b=1&c=2"
    assert [post["media"] for post in posts[1:5]] == [
        ["photo:cat.png"],
        ["video:cat.mp4"],
        ["animation:cat.gif"],
        ["document:cat.pdf"],
    ]
    assert [post["reply_to"] for post in posts[1:]] == [post["id"] for post in posts[:-1]]
    assert posts[4]["id"] == sent.remote_id


def test_an_album_with_markup_is_one_post(telegram: Publisher, files: dict[str, Media]) -> None:
    album = (files["photo"], files["video"])
    confirmed = telegram.publish("<b>Two</b>", media=album, options={"parse_mode": "HTML"})
    assert confirmed.extra == {"message_ids": [1, 2]}
    (post,) = telegram.posts
    assert (post["id"], post["text"]) == (confirmed.remote_id, "<b>Two</b>")
    reply = telegram.publish("Next", number=1, kind="reply", parent=confirmed)
    assert reply.remote_id.endswith("/3")


def test_ten_photos_as_documents(telegram: Publisher, files: dict[str, Media]) -> None:
    telegram.publish("", media=(files["photo"],) * 10, options={"as_document": True})
    assert telegram.posts[0]["media"] == ["document:cat.png"] * 10


@pytest.mark.parametrize(
    ("text", "mode"),
    [("*Open* at 9\\.30", "MarkdownV2"), ("<i>Open</i> &lt;3", "HTML"), ("1. (a) *b_", None)],
)
def test_a_link_fits_into_the_markup(telegram: Publisher, text: str, mode: str | None) -> None:
    options: dict[str, Any] = {"parse_mode": mode} if mode else {}
    telegram.publish(text, link="https://example.com/a_(b)?c=1&d=2#e!", options=options)
    assert len(telegram.posts) == 1


def test_a_poll(telegram: Publisher) -> None:
    poll = Poll(options=("red", "blue"), duration_seconds=600, multiple=True)
    telegram.publish("Which?", poll=poll)
    assert telegram.posts[0]["text"] == "Which?"


def test_a_private_chat_has_links_of_its_own(sandbox: Sandbox, http: Http) -> None:
    chat_id = sandbox.account("telegram", "alice", public=False)["external_id"]
    private = Publisher(sandbox, "telegram", http, {"chat_id": chat_id}, public=False)
    assert private.publish("Hi").url == f"https://t.me/c/{chat_id[4:]}/1"
    assert private.adapter.identify(private.session()).external_id == chat_id


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_is_left_to_a_person(telegram: Publisher, files: dict[str, Media], kind: str) -> None:
    prepared = telegram.prepare("Hello", media=(files["photo"],))
    telegram.lose(prepared, kind, performed=True)
    assert telegram.adapter.reconcile(prepared, telegram.session()) == Look(complete=False)
    assert len(telegram.posts) == 1


def test_a_lost_request_sent_again_is_the_same_request(telegram: Publisher, files: dict[str, Media]) -> None:
    prepared = telegram.prepare("Hello", media=(files["photo"], files["video"]))
    telegram.lose(prepared, "drop_before")
    assert telegram.posts == []
    telegram.send(prepared)
    assert len(telegram.posts) == 1


def refused(telegram: Publisher, kind: type[Exception], prepared: PreparedStep) -> Any:
    session = telegram.session()
    with pytest.raises(kind) as caught:
        telegram.adapter.send_step(prepared, session)
    assert session.visible == "refused"
    assert telegram.posts == []
    return caught.value


def test_flood_control_says_when_to_come_back(telegram: Publisher) -> None:
    telegram.sandbox.fault("429", platform="telegram", visible_only=True, count=1, retry_after=30)
    assert refused(telegram, RateLimited, telegram.prepare("Hello")).retry_after == 31


def test_a_revoked_token_needs_a_person(telegram: Publisher) -> None:
    telegram.credentials = {"bot_token": "1:" + "x" * 30}
    refused(telegram, AuthExpired, telegram.prepare("Hello"))


@pytest.mark.parametrize("options", [{"member": False}, {"can_post": False}])
def test_a_bot_without_rights_needs_a_person(sandbox: Sandbox, http: Http, options: dict[str, bool]) -> None:
    telegram = Publisher(sandbox, "telegram", http, {"chat_id": "@alice"}, **options)
    refused(telegram, AuthExpired, telegram.prepare("Hello"))


def test_a_group_that_moved_names_its_new_number(sandbox: Sandbox, http: Http) -> None:
    telegram = Publisher(sandbox, "telegram", http, {"chat_id": "@alice"}, moved_to=-1001234567890)
    assert "-1001234567890" in refused(telegram, PlatformFailure, telegram.prepare("Hello")).hint


def test_markup_that_cannot_be_parsed_is_refused(telegram: Publisher) -> None:
    refused(telegram, Rejected, telegram.prepare("a < b", options={"parse_mode": "HTML"}))


def test_a_reply_to_nothing_is_refused(telegram: Publisher) -> None:
    parent = Confirmed(remote_id="-100/99")
    refused(telegram, Rejected, telegram.prepare("Hi", number=1, kind="reply", parent=parent))


def test_a_resend_needs_the_file_and_says_so(telegram: Publisher, files: dict[str, Media]) -> None:
    prepared = telegram.prepare("Hello", media=(files["photo"],))
    with pytest.raises(Rejected, match="not fetched"):
        telegram.send(replace(prepared, media=(Media(source="cat.png"),)))
    assert telegram.posts == []
