"""Instagram over real HTTP: containers, lost answers, lost runs; posts are counted there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.errors import AuthExpired, OutcomeUnknown, PlatformFailure, RateLimited, Rejected
from socialcron.model import Account, Confirmed, Look, Media, PreparedStep, Ready, Step
from socialcron.platforms import registry
from socialcron.platforms.base import App, Grant
from socialcron.platforms.http import Http, Session
from socialcron.platforms.instagram import Instagram
from socialcron.sandbox import Sandbox
from socialcron.sandbox.containers import FLAKY, POISON
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import MP4, PNG

APP = App(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
FILES = {
    "a.jpg": JPEG,
    "a.png": PNG,
    "v.mp4": MP4,
    "poison.mp4": MP4 + POISON,
    "flaky.mp4": MP4 + FLAKY,
}
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}
DAY = 86_400


class Publisher:
    """One account in one run, and the least of what the batch does with an adapter."""

    def __init__(self, sandbox: Sandbox, platform: str, http: Http, **options: Any) -> None:
        made = sandbox.account(platform, "alice", **options)
        self.sandbox, self.platform, self.http = sandbox, platform, http
        self.adapter = registry.adapter(platform)
        self.account = Account(
            id=1,
            platform=platform,
            handle="alice",
            external_id=made["external_id"],
            settings={"base_url": made["base_url"]},
        )
        self.credentials: Mapping[str, Any] = made["credentials"]
        self.memo: dict[str, Any] = {}

    def media(self, name: str) -> Media:
        return Media(
            source=name,
            alt="a cat",
            url=f"{self.sandbox.media_url}/{name}",
            mime_type=TYPES[Path(name).suffix],
            size_bytes=len(FILES[name]),
        )

    def session(self) -> Session:
        session = self.adapter.connect(self.account, self.credentials, APP, self.http)
        session.memo = self.memo
        return session

    def prepare(
        self, text: str = "Hello", *names: str, after_each: Callable[[], None] = lambda: None, **parts: Any
    ) -> PreparedStep:
        media = tuple(self.media(name) for name in names)
        step = Step(**{"number": 0, "kind": "post", "text": text, "media": media, "key": "k", **parts})
        assert self.adapter.validate([step], self.account.settings) == []
        while not isinstance(done := self.adapter.prepare(step, self.session()), Ready):
            step = replace(step, handles=done.handles)
            after_each()
        assert done.handles is not None
        return PreparedStep(
            number=step.number,
            kind=step.kind,
            key="k",
            request=done.request,
            handles=done.handles,
            first_sending_at=datetime.now(UTC),
            sends=1,
        )

    def send(self, prepared: PreparedStep) -> Confirmed:
        sent = self.adapter.send_step(prepared, self.session())
        assert isinstance(sent, Confirmed)
        return sent

    def publish(self, text: str = "Hello", *names: str, **parts: Any) -> Confirmed:
        return self.send(self.prepare(text, *names, **parts))

    def lose(self, prepared: PreparedStep, kind: str, **rule: Any) -> None:
        self.sandbox.fault(kind, platform=self.platform, visible_only=True, count=1, **rule)
        with pytest.raises(OutcomeUnknown):
            self.send(prepared)

    def look(self, prepared: PreparedStep) -> Look:
        return self.adapter.reconcile(prepared, self.session())

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts(self.platform)

    def requests(self, label: str) -> int:
        counted: int = self.sandbox.state(self.platform)["platforms"][self.platform]["requests"].get(label, 0)
        return counted


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture
def instagram(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, "instagram", http)


KINDS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("a.jpg",), {}),
    (("a.jpg",), {"location_id": "7640", "collaborators": "bob", "is_ai_generated": "true"}),
    (("v.mp4",), {}),
    (("v.mp4",), {"share_to_feed": "false", "thumb_offset": "500"}),
    (("a.jpg", "v.mp4", "a.jpg"), {}),
    (("a.jpg",), {"type": "story"}),
    (("v.mp4",), {"type": "story"}),
]


@pytest.mark.parametrize(("names", "options"), KINDS)
def test_each_kind_of_post_goes_out_once(
    instagram: Publisher, names: tuple[str, ...], options: dict[str, Any]
) -> None:
    confirmed = instagram.publish("Hello #cafe", *names, options=options)
    [post] = instagram.posts
    assert (post["id"], post["text"], len(post["media"])) == (
        confirmed.remote_id,
        "Hello #cafe",
        len(names),
    )
    assert confirmed.url is not None


@pytest.mark.parametrize("kind", ["accept_then_drop", "reset", "half_answer", "empty_body", "truncated_json"])
@pytest.mark.parametrize(("names", "options"), KINDS[::2])
def test_a_lost_answer_is_found_and_made_no_second_post(
    instagram: Publisher, kind: str, names: tuple[str, ...], options: dict[str, Any]
) -> None:
    prepared = instagram.prepare("Hello", *names, options=options)
    instagram.lose(prepared, kind)
    [match] = instagram.look(prepared).matches
    [post] = instagram.posts
    assert (match.remote_id, match.provisional) == (post["id"], False)


def test_a_lost_request_is_proven_absent_and_the_same_container_goes_out(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    instagram.lose(prepared, "drop_before")
    assert instagram.look(prepared) == Look()
    again = instagram.prepare("Hello", "a.jpg", handles=prepared.handles)
    assert again.request == prepared.request
    instagram.send(again)
    assert len(instagram.posts) == 1


def test_a_listing_that_lags_leaves_a_name_to_be_found_later(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    instagram.sandbox.fault("lagging_listing", platform="instagram", visible_only=True, count=1, looks=1)
    instagram.lose(prepared, "accept_then_drop")
    [stand_in] = instagram.look(prepared).matches
    assert (stand_in.remote_id, stand_in.provisional) == (prepared.handles["made"][-1], True)
    [match] = instagram.look(prepared).matches
    assert (match.remote_id, match.provisional) == (instagram.posts[0]["id"], False)


def test_a_request_that_arrives_after_all_looks_makes_no_second_post(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    instagram.lose(prepared, "late_arrival", seconds=0.2, status=504)
    assert instagram.look(prepared) == Look()
    give_up_at = time.monotonic() + 10
    while not instagram.posts:
        assert time.monotonic() < give_up_at
    again = instagram.prepare("Hello", "a.jpg", handles=prepared.handles)
    with pytest.raises(OutcomeUnknown):
        instagram.send(again)
    [match] = instagram.look(again).matches
    assert match.remote_id == instagram.posts[0]["id"]
    assert len(instagram.posts) == 1


def test_a_killed_run_goes_on_from_its_handles(instagram: Publisher) -> None:
    """Nothing but the handles survives: no container is made twice."""
    prepared = instagram.prepare("Hello", "a.jpg", "v.mp4", after_each=instagram.memo.clear)
    instagram.send(prepared)
    assert instagram.requests("POST /{id}/media") == 3
    assert len(instagram.posts) == 1


def test_a_container_that_expired_is_made_anew(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    instagram.sandbox.advance(DAY + 1)
    again = instagram.prepare("Hello", "a.jpg", handles=prepared.handles)
    assert again.request != prepared.request
    instagram.send(again)


def test_an_expired_container_proves_absence_with_the_listing(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    instagram.lose(prepared, "drop_before")
    instagram.sandbox.advance(DAY + 1)
    assert instagram.look(prepared) == Look(certain=False)


def test_a_container_published_too_early_is_refused_and_can_go_out_later(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    container = instagram.sandbox.platforms["instagram"].containers[prepared.handles["made"][-1]]  # type: ignore[attr-defined]
    container.looks_left = 1
    with pytest.raises(PlatformFailure) as caught:
        instagram.send(prepared)
    assert caught.value.retryable
    instagram.send(instagram.prepare("Hello", "a.jpg", handles=prepared.handles))
    assert len(instagram.posts) == 1


@pytest.mark.parametrize(("name", "kind"), [("poison.mp4", Rejected), ("flaky.mp4", PlatformFailure)])
def test_media_that_fail_processing_are_said_and_tried_anew(
    instagram: Publisher, name: str, kind: type[Exception]
) -> None:
    for _ in range(2):
        with pytest.raises(kind):
            instagram.prepare("Hello", name)
    assert instagram.requests("POST /{id}/media") == 2


def test_media_that_meta_cannot_fetch_are_refused(instagram: Publisher) -> None:
    nowhere = replace(instagram.media("a.jpg"), url=f"{instagram.sandbox.media_url}/none.jpg")
    step = Step(number=0, kind="post", text="Hello", media=(nowhere,))
    with pytest.raises(Rejected, match="could not be fetched"):
        instagram.adapter.prepare(step, instagram.session())


def test_a_used_up_day_waits_before_anything_is_sent(instagram: Publisher) -> None:
    instagram.sandbox.settings("instagram", posts_a_day=1)
    instagram.publish("One", "a.jpg")
    with pytest.raises(RateLimited):
        instagram.prepare("Two", "a.jpg")
    assert instagram.requests("POST /{id}/media_publish") == 1


def test_a_rate_limit_is_a_refusal(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    instagram.sandbox.fault("429", platform="instagram", visible_only=True, count=1, retry_after=90)
    session = instagram.session()
    with pytest.raises(RateLimited) as caught:
        instagram.adapter.send_step(prepared, session)
    assert caught.value.retry_after == 120.0  # told in whole minutes
    assert session.seen[-1].blocked


def test_a_token_is_refreshed_before_its_end_and_never_after(instagram: Publisher) -> None:
    prepared = instagram.prepare("Hello", "a.jpg")
    instagram.sandbox.advance(50 * DAY)
    renewed = instagram.adapter.refresh(instagram.account, instagram.credentials, APP, instagram.http)
    assert renewed.expires_at is not None
    instagram.sandbox.advance(9 * DAY)
    with pytest.raises(AuthExpired):
        instagram.send(prepared)
    with pytest.raises(AuthExpired):
        instagram.adapter.refresh(instagram.account, instagram.credentials, APP, instagram.http)
    instagram.credentials = renewed.credentials
    instagram.publish("Hello", "a.jpg")


def test_facebooks_login_finds_the_account_by_its_page(sandbox: Sandbox, http: Http) -> None:
    instagram = Publisher(sandbox, "instagram", http, login="facebook")
    settings = {**instagram.account.settings, "login": "facebook"}
    page_id = f"1{instagram.account.external_id}"
    instagram.account = replace(
        instagram.account, external_id=None, settings={**settings, "page_id": page_id}
    )
    confirmed = instagram.publish("Hello", "a.jpg")
    assert confirmed.remote_id == instagram.posts[0]["id"]


def test_connect_accounts__leads_to_an_account_that_can_post(instagram: Publisher) -> None:
    adapter, settings = Instagram(), instagram.account.settings
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
    [found] = adapter.connect_accounts(Grant(code=code, redirect_uri=back), APP, settings, instagram.http)
    assert (found.external_id, found.handle) == (instagram.account.external_id, "alice")
    assert set(found.scopes) == set(authorization.scopes)
    instagram.credentials = found.tokens.credentials
    instagram.publish("Hello", "a.jpg")
