"""Threads over real HTTP: chains of replies, lost answers; posts are counted there.

What it does as Instagram does is gone through in test_instagram_against_sandbox.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.errors import AuthExpired, PlatformFailure, RateLimited, Rejected
from socialcron.model import Look
from socialcron.platforms.base import Grant
from socialcron.platforms.http import Http
from socialcron.platforms.threads import Threads
from socialcron.sandbox import Sandbox
from socialcron.sandbox.oauth import CLIENT_ID
from tests.contract.test_instagram_against_sandbox import APP, DAY, FILES, Publisher


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


@pytest.fixture
def threads(sandbox: Sandbox) -> Iterator[Publisher]:
    http = Http()
    yield Publisher(sandbox, "threads", http)
    http.close()


KINDS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((), {}),
    ((), {"link": "https://e.example/a"}),
    ((), {"options": {"topic_tag": "cats", "reply_control": "mentioned_only"}}),
    (("a.png",), {}),
    (("v.mp4",), {}),
    (("a.png", "v.mp4", "a.jpg"), {}),
]


@pytest.mark.parametrize(("names", "parts"), KINDS)
def test_each_kind_of_post_goes_out_once(
    threads: Publisher, names: tuple[str, ...], parts: dict[str, Any]
) -> None:
    confirmed = threads.publish("Grüße 👋", *names, **parts)
    [post] = threads.posts
    assert (post["id"], post["text"], len(post["media"])) == (
        confirmed.remote_id,
        "Grüße 👋",
        len(names),
    )
    assert confirmed.url == f"https://www.threads.net/@alice/post/{post['id']}"


@pytest.mark.parametrize("kind", ["accept_then_drop", "reset", "half_answer", "html"])
@pytest.mark.parametrize(("names", "parts"), KINDS)
def test_a_lost_answer_is_found_and_made_no_second_post(
    threads: Publisher, kind: str, names: tuple[str, ...], parts: dict[str, Any]
) -> None:
    prepared = threads.prepare("Hello", *names, **parts)
    threads.lose(prepared, kind, performed=True)
    [match] = threads.look(prepared).matches
    [post] = threads.posts
    assert (match.remote_id, match.provisional) == (post["id"], False)


def test_a_chain_goes_on_below_a_reply_that_was_reconciled(threads: Publisher) -> None:
    root = threads.publish("One", "a.png")
    second = threads.prepare("Two", number=1, kind="reply", parent=root, root=root)
    threads.lose(second, "accept_then_drop")
    [found] = threads.look(second).matches
    threads.publish("Three", number=2, kind="reply", parent=found, root=root)
    threads.publish("First!", number=3, kind="comment", parent=root, root=root)
    one, two, three, first = threads.posts
    assert [post["text"] for post in threads.posts] == ["One", "Two", "Three", "First!"]
    assert [two["reply_to"], three["reply_to"], first["reply_to"]] == [one["id"], two["id"], one["id"]]


def test_a_lost_request_is_proven_absent_and_the_same_container_goes_out(threads: Publisher) -> None:
    prepared = threads.prepare("Hello")
    threads.lose(prepared, "drop_before")
    assert threads.look(prepared) == Look()
    again = threads.prepare("Hello", handles=prepared.handles)
    assert again.request == prepared.request
    threads.send(again)
    assert len(threads.posts) == 1


def test_a_busy_account_is_paged_through(threads: Publisher) -> None:
    prepared = threads.prepare("Hello")
    threads.lose(prepared, "accept_then_drop")
    for number in range(60):
        threads.publish(f"another {number}")
    [match] = threads.look(prepared).matches
    assert match.remote_id == threads.posts[0]["id"]


@pytest.mark.parametrize(("name", "kind"), [("poison.mp4", Rejected), ("flaky.mp4", PlatformFailure)])
def test_media_that_fail_processing_are_said(threads: Publisher, name: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        threads.prepare("Hello", name)


def test_a_used_up_day_of_replies_waits(threads: Publisher) -> None:
    threads.sandbox.settings("threads", replies_a_day=0)
    root = threads.publish("One")
    with pytest.raises(RateLimited):
        threads.prepare("Two", number=1, kind="reply", parent=root, root=root)


def test_a_token_is_refreshed_before_its_end_and_never_after(threads: Publisher) -> None:
    threads.sandbox.advance(50 * DAY)
    renewed = threads.adapter.refresh(threads.account, threads.credentials, APP, threads.http)
    threads.sandbox.advance(9 * DAY)
    with pytest.raises(AuthExpired):
        threads.adapter.refresh(threads.account, threads.credentials, APP, threads.http)
    threads.credentials = renewed.credentials
    threads.publish("Hello")


def test_connect_accounts__leads_to_an_account_that_can_post(threads: Publisher) -> None:
    adapter, settings = Threads(), threads.account.settings
    authorization, back = adapter.declaration.authorization, "http://127.0.0.1:1/"
    assert authorization is not None
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": back,
        "response_type": "code",
        "state": "s",
        "scope": authorization.scope_separator.join(authorization.scopes),
    }
    consent = httpx.get(f"{settings['base_url']}/oauth/authorize", params=query)
    code = parse_qs(urlsplit(consent.headers["location"]).query)["code"][0]
    [found] = adapter.connect_accounts(Grant(code=code, redirect_uri=back), APP, settings, threads.http)
    assert (found.external_id, found.handle) == (threads.account.external_id, "alice")
    threads.credentials = found.tokens.credentials
    threads.publish("Hello")
