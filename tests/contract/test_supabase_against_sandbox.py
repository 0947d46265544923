"""Supabase over real HTTP: a row is there once, however often and however badly it was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from socialcron.errors import AuthExpired, OutcomeUnknown, PlatformFailure, RateLimited, Rejected
from socialcron.model import Media
from socialcron.platforms.http import Http
from socialcron.sandbox import Sandbox
from tests.contract.test_adapters_against_sandbox import LOST, Publisher

UUID = {"table": "uuid_posts", "key_column_is_id": "true"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture(params=["external_key", "uuid", "secret key"])
def supabase(request: pytest.FixtureRequest, sandbox: Sandbox, http: Http) -> Publisher:
    settings = UUID if request.param == "uuid" else None
    return Publisher(sandbox, "supabase", http, settings, secret=request.param == "secret key")


def test_a_row_with_everything(supabase: Publisher) -> None:
    confirmed = supabase.publish(
        "Grüße 👋",
        media=(Media(source="1.jpg", url="https://cdn.example.com/1.jpg"),),
        link="https://example.com/",
        due_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        options={"extra": {"status": "published", "title": "Hi"}},
    )
    (post,) = supabase.posts
    assert (post["id"], post["account"]) == (confirmed.remote_id, "alice")
    assert (post["text"], post["media"]) == (
        "Grüße 👋\nhttps://example.com/",
        ["https://cdn.example.com/1.jpg"],
    )


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_is_found_and_a_repeat_adopts_it(supabase: Publisher, kind: str) -> None:
    prepared = supabase.prepare("Hello")
    supabase.lose(prepared, kind, performed=True)
    look = supabase.adapter.reconcile(prepared, supabase.session())
    assert look.complete
    assert look.key_works
    (match,) = look.matches
    assert supabase.send(prepared) == match
    assert [post["id"] for post in supabase.posts] == [match.remote_id]


def test_a_lost_request_is_proven_absent_and_sent_again(supabase: Publisher) -> None:
    prepared = supabase.prepare("Hello")
    supabase.lose(prepared, "drop_before")
    look = supabase.adapter.reconcile(prepared, supabase.session())
    assert (look.complete, look.matches, look.key_works) == (True, (), True)
    supabase.send(prepared)
    assert len(supabase.posts) == 1


def test_a_late_arrival_meets_the_row_of_the_repeat(supabase: Publisher) -> None:
    prepared = supabase.prepare("Hello")
    supabase.lose(prepared, "late_arrival", seconds=0.2, status=504)
    confirmed = supabase.send(prepared)
    give_up = time.monotonic() + 10
    while supabase.sandbox.state()["late_pending"]:
        assert time.monotonic() < give_up
    assert [post["id"] for post in supabase.posts] == [confirmed.remote_id]


def test_ten_repeats_make_one_row(supabase: Publisher) -> None:
    prepared = supabase.prepare("Hello")
    assert len({supabase.send(prepared).remote_id for _ in range(10)}) == 1
    assert len(supabase.posts) == 1


def test_two_posts_that_say_the_same_are_two_rows(supabase: Publisher) -> None:
    assert supabase.publish("Hello", seed=1) != supabase.publish("Hello", seed=2)
    assert len(supabase.posts) == 2


def test_feeds_of_one_table_are_accounts(sandbox: Sandbox, http: Http) -> None:
    for number in range(48):
        feed = Publisher(sandbox, "supabase", http, {"platform": f"feed {number}"})
        feed.publish("Hello", seed=number)
        identity = feed.adapter.identify(feed.session())
        assert identity.external_id.endswith(f"/content_posts/feed {number}")
    assert len(sandbox.posts("supabase")) == 48
    assert len(sandbox.posts("supabase", "feed 47")) == 1


def test_a_row_that_is_there_but_hidden_is_unknown(supabase: Publisher) -> None:
    prepared = supabase.prepare("Hello")
    supabase.send(prepared)
    supabase.sandbox.settings("supabase", shows_rows=False)
    with pytest.raises(OutcomeUnknown, match="row level security"):
        supabase.send(prepared)


def test_a_server_that_ignores_the_preference_still_keeps_the_row_single(
    sandbox: Sandbox, http: Http
) -> None:
    sandbox.settings("supabase", keeps_preferences=False)
    supabase = Publisher(sandbox, "supabase", http)
    prepared = supabase.prepare("Hello")
    confirmed = supabase.send(prepared)
    with pytest.raises(OutcomeUnknown, match="409"):
        supabase.send(prepared)
    look = supabase.adapter.reconcile(prepared, supabase.session())
    assert look.matches == (confirmed,)
    assert len(supabase.posts) == 1


@pytest.mark.parametrize(
    ("settings", "options", "kind"),
    [
        ({"table": "posts"}, {}, PlatformFailure),
        ({"column_text": "content"}, {}, Rejected),
        ({"column_key": "status"}, {}, Rejected),
        ({"schema": "other"}, {}, OutcomeUnknown),
        ({"extra": '{"title": 5, "scheduled_at": "soon"}'}, {}, Rejected),
        ({}, {"may_insert": False}, AuthExpired),
    ],
)
def test_what_is_set_wrong_inserts_nothing(
    sandbox: Sandbox, http: Http, settings: dict[str, str], options: dict[str, Any], kind: type[Exception]
) -> None:
    supabase = Publisher(sandbox, "supabase", http, settings, **options)
    with pytest.raises(kind):
        supabase.publish("Hello")
    assert supabase.posts == []


def test_a_wrong_key_needs_a_person(supabase: Publisher) -> None:
    prepared = supabase.prepare("Hello")
    supabase.credentials = {"key": "eyJ.wrong.key"}
    with pytest.raises(AuthExpired, match="Invalid API key"):
        supabase.send(prepared)


def test_a_gateways_limit_is_waited_out(supabase: Publisher) -> None:
    prepared = supabase.prepare("Hello")
    supabase.sandbox.fault("429", platform="supabase", visible_only=True, count=1, retry_after=30)
    with pytest.raises(RateLimited) as caught:
        supabase.send(prepared)
    assert caught.value.retry_after == pytest.approx(30, abs=1)
