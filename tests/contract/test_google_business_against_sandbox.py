"""Google Business Profile over real HTTP: post, wait for the verdict, lose the answer, ask; posts are counted there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from socialcron.errors import AuthExpired, OutcomeUnknown, RateLimited, Rejected
from socialcron.model import Accepted, Account, Confirmed, Look, Media, PreparedStep, Ready, Step
from socialcron.platforms.base import App
from socialcron.platforms.google_business import GoogleBusiness
from socialcron.platforms.http import Http, Session
from socialcron.sandbox import Sandbox
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.contract.test_youtube_against_sandbox import consent
from tests.sandbox.conftest import PNG

APP = App(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
LOST = ("accept_then_drop", "reset", "half_answer", "empty_body", "truncated_json", "huge_body", "html")
EVENT = {
    "topic_type": "EVENT",
    "event_title": "Open day",
    "event_start": "2026-12-01T09:00",
    "event_end": "2026-12-01T17:30",
}
OFFER = {**EVENT, "topic_type": "OFFER", "coupon_code": "BREAD", "terms": "One each"}


class Publisher:
    """One location and the least of what the batch does with an adapter."""

    def __init__(self, sandbox: Sandbox, http: Http, folder: Path) -> None:
        made = sandbox.account("google_business", "Café")
        self.sandbox, self.http, self.folder = sandbox, http, folder
        self.adapter = GoogleBusiness()
        self.account = Account(
            id=1,
            platform="google_business",
            handle="Café",
            external_id=made["external_id"],
            settings={"base_url": made["base_url"]},
        )
        self.credentials: Mapping[str, Any] = made["credentials"]

    def photo(self, data: bytes = PNG + bytes(10_240)) -> Media:
        (self.folder / "b.png").write_bytes(data)
        url = f"{self.sandbox.media_url}/b.png"
        return Media(source="b.png", url=url, mime_type="image/png", size_bytes=20_000)

    def session(self) -> Session:
        return self.adapter.connect(self.account, self.credentials, APP, self.http)

    def prepare(self, text: str = "Fresh bread", **parts: Any) -> PreparedStep:
        step = Step(number=0, kind="post", text=text, key="k", **parts)
        assert self.adapter.validate([step], {}) == []
        ready = self.adapter.prepare(step, self.session())
        assert isinstance(ready, Ready)
        return PreparedStep(
            number=0,
            kind="post",
            key="k",
            request=ready.request,
            handles=ready.handles or {},
            first_sending_at=datetime.now(UTC),
            sends=1,
        )

    def send(self, prepared: PreparedStep) -> Confirmed | Accepted:
        return self.adapter.send_step(prepared, self.session())

    def lose(self, prepared: PreparedStep, kind: str, **rule: Any) -> None:
        self.sandbox.fault(kind, platform="google_business", visible_only=True, count=1, **rule)
        with pytest.raises(OutcomeUnknown):
            self.send(prepared)

    def settle(self, prepared: PreparedStep) -> Look:
        """Ask until the platform has decided."""
        while (look := self.adapter.reconcile(prepared, self.session())).waiting_seconds is not None:
            pass
        return look

    def publish(self, text: str = "Fresh bread", **parts: Any) -> Confirmed:
        prepared = self.prepare(text, **parts)
        sent = self.send(prepared)
        if isinstance(sent, Accepted):
            [sent] = self.settle(replace(prepared, handles=sent.handles)).matches
        return sent

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts("google_business")


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    http = Http()
    with Sandbox.start(seed=1, media=tmp_path) as sandbox:
        yield Publisher(sandbox, http, tmp_path)
        assert sandbox.state()["bugs"] == []
    http.close()


def parts_of(kind: str, publisher: Publisher) -> dict[str, Any]:
    match kind:
        case "link":
            return {"link": "https://cafe.example/bread", "options": {"call_to_action": "ORDER"}}
        case "call":
            return {"options": {"call_to_action": "CALL", "language_code": "en-US"}}
        case "photo":
            return {"media": (publisher.photo(),)}
        case "event":
            return {"options": EVENT, "link": "https://cafe.example/open"}
        case "offer":
            return {"options": OFFER, "link": "https://cafe.example/shop"}
    return {}


@pytest.mark.parametrize("polls", [0, 2])
@pytest.mark.parametrize("kind", ["text", "link", "call", "photo", "event", "offer"])
def test_each_kind_of_post_is_out_once(publisher: Publisher, kind: str, polls: int) -> None:
    publisher.sandbox.settings("google_business", polls=polls)
    confirmed = publisher.publish("Grüße 👋", **parts_of(kind, publisher))
    [post] = publisher.posts
    assert (post["id"], post["text"]) == (confirmed.remote_id, "Grüße 👋")
    assert confirmed.url is not None


def test_a_post_with_nothing_but_a_photo(publisher: Publisher) -> None:
    publisher.publish("", media=(publisher.photo(),))
    assert len(publisher.posts) == 1


def test_a_rejected_post_is_known_as_such_with_and_without_its_name(publisher: Publisher) -> None:
    prepared = publisher.prepare("Call 030 1234567-89")
    sent = publisher.send(prepared)
    assert isinstance(sent, Accepted)
    assert isinstance(publisher.settle(replace(prepared, handles=sent.handles)).failure, Rejected)
    assert isinstance(publisher.settle(prepared).failure, Rejected)
    assert publisher.posts == []


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_is_found_and_made_no_second_post(publisher: Publisher, kind: str) -> None:
    publisher.publish("Another")
    prepared = publisher.prepare("Fresh bread & butter", link="https://cafe.example/bread")
    publisher.lose(prepared, kind, performed=True)
    look = publisher.settle(prepared)
    assert [match.remote_id for match in look.matches] == [publisher.posts[-1]["id"]]
    assert len(publisher.posts) == 2


@pytest.mark.parametrize("before", [0, 1])
def test_a_lost_request_is_proven_absent_and_sent_again(publisher: Publisher, before: int) -> None:
    for _ in range(before):
        publisher.publish("Another")
    prepared = publisher.prepare()
    publisher.lose(prepared, "drop_before")
    look = publisher.settle(prepared)
    assert (look.complete, look.matches) == (True, ())
    publisher.send(prepared)
    assert len(publisher.posts) == before + 1


def test_a_late_arrival_is_found_once_it_is_there(publisher: Publisher) -> None:
    prepared = publisher.prepare()
    publisher.lose(prepared, "late_arrival", seconds=0.1, status=504)
    give_up = time.monotonic() + 10
    while not (look := publisher.settle(prepared)).matches:
        assert time.monotonic() < give_up
    assert [post["id"] for post in publisher.posts] == [look.matches[0].remote_id]


def test_a_busy_location_is_paged_through(publisher: Publisher) -> None:
    publisher.sandbox.platforms["google_business"].limited = False
    prepared = publisher.prepare()
    publisher.lose(prepared, "accept_then_drop")
    for number in range(110):
        publisher.send(publisher.prepare(f"Another {number}"))
    assert [match.remote_id for match in publisher.settle(prepared).matches] == [publisher.posts[0]["id"]]


def test_an_expired_token_is_refreshed_and_the_send_repeated(publisher: Publisher) -> None:
    prepared = publisher.prepare()
    publisher.sandbox.advance(3600)
    session = publisher.session()
    with pytest.raises(AuthExpired):
        publisher.adapter.send_step(prepared, session)
    assert session.visible == "refused"
    renewed = publisher.adapter.refresh(publisher.account, publisher.credentials, APP, publisher.http)
    publisher.credentials = renewed.credentials
    publisher.send(prepared)
    assert len(publisher.posts) == 1


def test_a_quota_is_a_refusal_that_says_when_to_come_back(publisher: Publisher) -> None:
    prepared = publisher.prepare()
    publisher.sandbox.fault("429", platform="google_business", visible_only=True, count=1, retry_after=30)
    session = publisher.session()
    with pytest.raises(RateLimited) as caught:
        publisher.adapter.send_step(prepared, session)
    assert caught.value.retry_after == pytest.approx(30, abs=5)
    assert session.visible == "refused"
    assert publisher.posts == []


def test_a_photo_that_cannot_be_fetched_is_refused(publisher: Publisher) -> None:
    photo = publisher.photo()
    (publisher.folder / "b.png").unlink()
    with pytest.raises(Rejected, match="PHOTO_FETCH_FAILED"):
        publisher.send(publisher.prepare(media=(photo,)))
    assert publisher.posts == []


def test_a_consent_connects_every_location_of_the_owner(publisher: Publisher) -> None:
    names = [f"Shop {number}" for number in range(11)]  # more than a page
    for name in names:
        publisher.sandbox.account("google_business", name, owner="Café")
    publisher.sandbox.account("google_business", "Somebody else's")
    publisher.sandbox.settings("google_business", consenting="Café")
    base_url = publisher.account.settings["base_url"]
    grant = consent(publisher.adapter, base_url)
    found = publisher.adapter.connect_accounts(grant, APP, {"base_url": base_url}, publisher.http)
    assert [account.handle for account in found] == ["Café", *names]
    last = found[-1]
    publisher.account = replace(
        publisher.account, external_id=None, settings={**last.settings, "base_url": base_url}
    )
    publisher.credentials = last.tokens.credentials
    publisher.publish()
    assert [post["account"] for post in publisher.posts] == ["Shop 10"]
    assert publisher.adapter.identify(publisher.session()).handle == "Shop 10"
