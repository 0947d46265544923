"""Discord over real HTTP: every kind of post, and what becomes of lost answers with and without a bot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from socialcron.errors import AuthExpired, RateLimited, Rejected
from socialcron.model import Media, Poll
from socialcron.platforms.http import Http
from socialcron.sandbox import Sandbox
from tests.contract.test_adapters_against_sandbox import LOST, Publisher
from tests.sandbox.conftest import MP4, PNG


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seed=1, limited=False) as sandbox:
        yield sandbox


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture
def discord(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, "discord", http, bot=True)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Media, Media]:
    (tmp_path / "cat.png").write_bytes(PNG)
    (tmp_path / "dog.mp4").write_bytes(MP4)
    return (
        Media(source="cat.png", alt="a cat", path=tmp_path / "cat.png", mime_type="image/png", size_bytes=48),
        Media(source="dog.mp4", path=tmp_path / "dog.mp4", mime_type="video/mp4", size_bytes=52),
    )


EMBED = {"title": "v1.2", "url": "https://example.org/1", "description": "Notes", "footer": {"text": "fin"}}
POLL = Poll(options=("red", "blue"), duration_seconds=7200)
KINDS: dict[str, dict[str, Any]] = {
    "text": {"text": "Grüße 👋 @everyone"},
    "link": {"text": "Hello", "link": "https://example.com/a?b=1", "options": {"suppress_embeds": True}},
    "embed": {"text": "", "options": {"embeds": [EMBED], "username": "Newsroom", "mentions": "users"}},
    "poll": {"text": "Which?", "poll": POLL},
    "files": {"text": "Two"},
    "files alone": {"text": ""},
}


def parts(kind: str, files: tuple[Media, Media]) -> dict[str, Any]:
    return dict(KINDS[kind]) | ({"media": files} if "files" in kind else {})


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_post_is_made_and_found_again(
    discord: Publisher, files: tuple[Media, Media], kind: str
) -> None:
    confirmed = discord.publish(**parts(kind, files))
    (post,) = discord.posts
    assert confirmed.remote_id == post["id"]
    assert confirmed.url
    assert confirmed.url.endswith(f"/{post['id']}")
    assert post["media"] == (["cat.png", "dog.mp4"] if "files" in kind else [])
    prepared = discord.prepare(**parts(kind, files), seed=1)
    discord.lose(prepared, "accept_then_drop")
    look = discord.adapter.reconcile(prepared, discord.session())
    assert look.matches[0].remote_id == discord.posts[1]["id"]


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_is_found_by_the_bot(discord: Publisher, kind: str) -> None:
    discord.publish("Something else", seed=9)
    prepared = discord.prepare("Hello")
    discord.lose(prepared, kind, performed=True)
    (match,) = discord.adapter.reconcile(prepared, discord.session()).matches
    assert match.remote_id == discord.posts[-1]["id"]
    assert len(discord.posts) == 2


def test_a_lost_request_is_proven_absent_where_the_channel_shows_anything(discord: Publisher) -> None:
    prepared = discord.prepare("Hello")
    discord.lose(prepared, "drop_before")
    assert not discord.adapter.reconcile(prepared, discord.session()).complete  # an empty channel
    discord.publish("Something else", seed=9)
    look = discord.adapter.reconcile(prepared, discord.session())
    assert (look.complete, look.matches) == (True, ())
    discord.send(prepared)
    assert len(discord.posts) == 2


def test_a_busy_channel_is_paged_back(discord: Publisher) -> None:
    prepared = discord.prepare("Hello")
    discord.lose(prepared, "accept_then_drop")
    for number in range(150):
        discord.publish(f"another {number}", seed=number)
    look = discord.adapter.reconcile(prepared, discord.session())
    assert look.complete
    assert [match.remote_id for match in look.matches] == [discord.posts[0]["id"]]


@pytest.mark.parametrize("options", [{"history": False}, {"intent": False}])
def test_a_bot_that_sees_nothing_proves_nothing(
    sandbox: Sandbox, http: Http, options: dict[str, Any]
) -> None:
    discord = Publisher(sandbox, "discord", http, bot=True, **options)
    discord.publish("Something else", seed=9)
    prepared = discord.prepare("Hello")
    discord.lose(prepared, "accept_then_drop")
    look = discord.adapter.reconcile(prepared, discord.session())
    assert (look.complete, look.matches) == (False, ())


def test_without_a_bot_a_lost_answer_is_left_to_a_person(sandbox: Sandbox, http: Http) -> None:
    discord = Publisher(sandbox, "discord", http)
    prepared = discord.prepare("Hello")
    discord.lose(prepared, "accept_then_drop")
    look = discord.adapter.reconcile(prepared, discord.session())
    assert not look.complete
    assert look.unanswerable


def test_a_thread_of_its_own(sandbox: Sandbox, http: Http) -> None:
    discord = Publisher(sandbox, "discord", http, bot=True, forum=True, threads=["77"])
    with pytest.raises(Rejected, match="thread_name"):
        discord.publish("Hello")
    confirmed = discord.publish("Hello", options={"thread_id": "77"})
    assert "/77/" in str(confirmed.url)
    prepared = discord.prepare("Again", options={"thread_id": "77"})
    discord.lose(prepared, "reset")
    assert len(discord.adapter.reconcile(prepared, discord.session()).matches) == 1
    discord.publish("Hello", options={"thread_name": "News"})
    assert len(discord.posts) == 3


def test_a_rate_limit_is_a_refusal_that_says_when_to_come_back(discord: Publisher) -> None:
    prepared = discord.prepare("Hello")
    discord.sandbox.fault("429", platform="discord", visible_only=True, count=1, retry_after=30)
    session = discord.session()
    with pytest.raises(RateLimited) as caught:
        discord.adapter.send_step(prepared, session)
    assert caught.value.retry_after == pytest.approx(31, abs=1)
    assert session.seen[-1].blocked
    assert discord.posts == []


def test_limits_are_seen_before_they_bite(sandbox: Sandbox, http: Http) -> None:
    with Sandbox.start(seed=1) as strict:
        discord = Publisher(strict, "discord", http)
        prepared = discord.prepare("Hello")
        for left in (4, 3, 2, 1, 0):
            session = discord.session()
            discord.adapter.send_step(prepared, session)
            assert [(seen.family, seen.remaining) for seen in session.seen] == [("publish", left)]
        with pytest.raises(RateLimited):
            discord.send(prepared)


def test_a_deleted_webhook_is_never_called_again(discord: Publisher) -> None:
    prepared = discord.prepare("Hello")
    discord.credentials = {"webhook_url": "https://discord.com/api/webhooks/1/gone"}
    with pytest.raises(AuthExpired):
        discord.send(prepared)
    with pytest.raises(AuthExpired):
        discord.prepare("Hello")


def test_identify__names_the_webhook(discord: Publisher) -> None:
    identity = discord.adapter.identify(discord.session())
    assert identity.external_id == discord.sandbox.account("discord", "alice")["external_id"]
