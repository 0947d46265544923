"""The adapters over real HTTP: prepare, send, lose the answer, reconcile; posts are counted there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from socialcron.errors import AuthExpired, OutcomeUnknown, RateLimited, Rejected
from socialcron.model import Account, Confirmed, Media, Poll, PreparedStep, Ready, Step
from socialcron.platforms import registry
from socialcron.platforms.base import Adapter, App
from socialcron.platforms.http import Http, Session
from socialcron.sandbox import Sandbox

MASTODONS = ("mastodon", "mastodon-nokey")
ALL = (*MASTODONS, "bluesky", "x")
# What a lost answer can look like; in each case the post was made.
LOST = ("accept_then_drop", "reset", "half_answer", "empty_body", "truncated_json", "huge_body", "html")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox.start(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


class Publisher:
    """One account and the least of what the batch does with an adapter: prepare until ready, then send."""

    def __init__(
        self,
        sandbox: Sandbox,
        place: str,
        http: Http,
        settings: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """settings: of the account, beside base_url; options: of the sandbox's account."""
        made = sandbox.account(place, "alice", **options)
        self.place, self.sandbox, self.http = place, sandbox, http
        self.adapter: Adapter = registry.adapter(place.removesuffix("-nokey"))
        self.account = Account(
            id=1, platform=place, handle="alice", settings={"base_url": made["base_url"], **(settings or {})}
        )
        self.credentials: Mapping[str, Any] = made["credentials"]
        self.app = App(
            client_id=self.credentials.get("client_id"), client_secret=self.credentials.get("client_secret")
        )
        if place == "bluesky":
            self.refresh()

    def refresh(self) -> None:
        renewed = self.adapter.refresh(self.account, self.credentials, self.app, self.http)
        self.credentials = renewed.credentials

    def session(self) -> Session:
        return self.adapter.connect(self.account, self.credentials, self.app, self.http)

    def prepare(self, text: str, seed: int = 0, **parts: Any) -> PreparedStep:
        number, kind = parts.pop("number", 0), parts.pop("kind", "post")
        key = self.adapter.choose_key(bytes([seed]) * 32, datetime.now(UTC), number)
        step = Step(number=number, kind=kind, text=text, key=key, **parts)
        assert self.adapter.validate([step], self.account.settings) == []
        while True:
            done = self.adapter.prepare(step, self.session())
            if isinstance(done, Ready):
                break
            step = replace(step, handles=done.handles)
        handles = step.handles if done.handles is None else done.handles
        return PreparedStep(
            number=number,
            kind=kind,
            key=key,
            request=done.request,
            media=step.media,
            handles=handles,
            first_sending_at=datetime.now(UTC),
            sends=1,
        )

    def send(self, prepared: PreparedStep) -> Confirmed:
        sent = self.adapter.send_step(prepared, self.session())
        assert isinstance(sent, Confirmed)
        return sent

    def publish(self, text: str, **parts: Any) -> Confirmed:
        return self.send(self.prepare(text, **parts))

    def lose(self, prepared: PreparedStep, kind: str, **rule: Any) -> None:
        """Send under a fault, which must leave the outcome unknown."""
        self.sandbox.fault(kind, platform=self.place, visible_only=True, count=1, **rule)
        session = self.session()
        with pytest.raises(OutcomeUnknown):
            self.adapter.send_step(prepared, session)
        assert session.visible == "open"

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts(self.place)


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture(params=ALL)
def publisher(request: pytest.FixtureRequest, sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, request.param, http)


@pytest.fixture
def mastodon(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, "mastodon", http)


@pytest.fixture
def bluesky(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, "bluesky", http)


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n of a cat")
    return Media(source="cat.png", alt="a cat", path=path, mime_type="image/png", size_bytes=17)


# --- everywhere --------------------------------------------------------------------------------------------


def test_a_post_with_two_pictures_a_reply_and_a_comment(publisher: Publisher, picture: Media) -> None:
    assert picture.path is not None
    other = picture.path.with_name("dog.png")
    other.write_bytes(b"\x89PNG\r\n\x1a\n of a dog")
    text = "Grüße 👋 an @alice #tag https://example.com/a?b=c."
    root = publisher.publish(text, media=(picture, replace(picture, path=other, alt=None)))
    reply = publisher.publish("Part two", number=1, kind="reply", parent=root, root=root, seed=1)
    publisher.publish("First!", number=2, kind="comment", parent=reply, root=root, seed=2)
    first, second, third = publisher.posts
    assert (first["text"], len(first["media"])) == (text, 2)
    assert (second["reply_to"], third["reply_to"]) == (first["id"], second["id"])
    assert [post["id"] for post in publisher.posts][:2] == [root.remote_id, reply.remote_id]


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_is_found_and_made_no_second_post(publisher: Publisher, kind: str) -> None:
    publisher.publish("Something else", seed=9)
    prepared = publisher.prepare(
        "Hello @bob@other.example\n\n#tag & https://example.com/a/very/long/path?x=1"
    )
    publisher.lose(prepared, kind, performed=True)
    look = publisher.adapter.reconcile(prepared, publisher.session())
    assert look.complete
    (match,) = look.matches
    assert match.remote_id == publisher.posts[-1]["id"]
    assert len(publisher.posts) == 2


def test_a_lost_request_is_proven_absent_and_sent_again(publisher: Publisher) -> None:
    prepared = publisher.prepare("Hello")
    publisher.lose(prepared, "drop_before")
    look = publisher.adapter.reconcile(prepared, publisher.session())
    assert look.complete
    assert look.matches == ()
    assert not look.occupied
    publisher.send(prepared)
    assert len(publisher.posts) == 1


def test_a_late_arrival_is_found_once_it_is_there(publisher: Publisher) -> None:
    prepared = publisher.prepare("Hello")
    publisher.lose(prepared, "late_arrival", seconds=0.1, status=504)
    give_up = time.monotonic() + 10
    while not (look := publisher.adapter.reconcile(prepared, publisher.session())).matches:
        assert time.monotonic() < give_up
    assert look.matches[0].remote_id == publisher.posts[0]["id"]


def test_a_thread_goes_on_below_a_post_that_was_reconciled(publisher: Publisher) -> None:
    root = publisher.prepare("Part one")
    publisher.lose(root, "accept_then_drop")
    (found,) = publisher.adapter.reconcile(root, publisher.session()).matches
    publisher.publish("Part two", number=1, kind="reply", parent=found, root=found, seed=1)
    assert publisher.posts[1]["reply_to"] == publisher.posts[0]["id"]


def test_two_posts_that_differ_in_one_letter_are_told_apart(publisher: Publisher) -> None:
    publisher.publish("post 17", seed=1)
    prepared = publisher.prepare("post 18", seed=2)
    publisher.lose(prepared, "drop_before")
    assert publisher.adapter.reconcile(prepared, publisher.session()).matches == ()


def test_a_rate_limit_is_a_refusal_that_says_when_to_come_back(publisher: Publisher) -> None:
    prepared = publisher.prepare("Hello")
    publisher.sandbox.fault("429", platform=publisher.place, visible_only=True, count=1, retry_after=30)
    session = publisher.session()
    with pytest.raises(RateLimited) as caught:
        publisher.adapter.send_step(prepared, session)
    assert caught.value.retry_after == pytest.approx(30, abs=5)
    assert session.visible == "refused"
    assert session.seen[-1].blocked
    assert publisher.posts == []


def test_identify__names_the_account(publisher: Publisher) -> None:
    identity = publisher.adapter.identify(publisher.session())
    assert identity.external_id == publisher.sandbox.account(publisher.place, "alice")["external_id"]


# --- Mastodon ----------------------------------------------------------------------------------------------


def test_mastodon__a_repeated_key_leads_to_the_same_post(mastodon: Publisher) -> None:
    prepared = mastodon.prepare("Hello")
    mastodon.lose(prepared, "accept_then_drop")
    assert mastodon.adapter.reconcile(prepared, mastodon.session()).key_works
    assert mastodon.send(prepared).remote_id == mastodon.posts[0]["id"]
    assert len(mastodon.posts) == 1


def test_mastodon__a_server_that_ignores_keys_is_known_for_it(sandbox: Sandbox, http: Http) -> None:
    publisher = Publisher(sandbox, "mastodon-nokey", http)
    prepared = publisher.prepare("Hello")
    assert not publisher.adapter.reconcile(prepared, publisher.session()).key_works


def test_mastodon__waits_for_a_video_and_finds_its_post_again(mastodon: Publisher, tmp_path: Path) -> None:
    path = tmp_path / "cat.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42 of a cat")
    prepared = mastodon.prepare("", media=(Media(source="cat.mp4", path=path, mime_type="video/mp4"),))
    mastodon.lose(prepared, "reset")
    assert len(mastodon.adapter.reconcile(prepared, mastodon.session()).matches) == 1


def test_mastodon__finds_a_poll_with_a_content_warning_again(mastodon: Publisher) -> None:
    poll = Poll(options=("red", "blue"), multiple=True)
    prepared = mastodon.prepare(
        "Which?", poll=poll, options={"spoiler_text": "colours", "visibility": "private"}
    )
    mastodon.lose(prepared, "half_answer")
    assert len(mastodon.adapter.reconcile(prepared, mastodon.session()).matches) == 1


def test_mastodon__pages_back_through_a_busy_account(mastodon: Publisher) -> None:
    prepared = mastodon.prepare("Hello", seed=250)
    mastodon.lose(prepared, "accept_then_drop")
    for number in range(90):
        mastodon.publish(f"another {number}", seed=number)
    look = mastodon.adapter.reconcile(prepared, mastodon.session())
    assert [match.remote_id for match in look.matches] == [mastodon.posts[0]["id"]]
    assert look.complete


def test_mastodon__a_listing_that_lags_shows_nothing_yet(mastodon: Publisher) -> None:
    prepared = mastodon.prepare("Hello")
    mastodon.sandbox.fault("lagging_listing", platform="mastodon", visible_only=True, count=1, looks=1)
    mastodon.lose(prepared, "accept_then_drop")
    assert mastodon.adapter.reconcile(prepared, mastodon.session()).matches == ()
    assert len(mastodon.adapter.reconcile(prepared, mastodon.session()).matches) == 1


def test_mastodon__a_reply_to_nothing_is_refused(mastodon: Publisher) -> None:
    with pytest.raises(Rejected):
        mastodon.publish("Hi", number=1, kind="reply", parent=Confirmed(remote_id="1"))


def test_mastodon__a_refresh_token_is_traded_where_there_is_one(sandbox: Sandbox, http: Http) -> None:
    publisher = Publisher(sandbox, "mastodon", http)
    old = sandbox.account("mastodon", "alice", refresh=True)["credentials"]
    app = App(client_id=old["client_id"], client_secret=old["client_secret"])
    assert publisher.adapter.can_refresh(old)
    renewed = publisher.adapter.refresh(publisher.account, old, app, http)
    assert renewed.expires_at is not None
    publisher.credentials = renewed.credentials
    publisher.publish("Hello")
    with pytest.raises(AuthExpired):
        publisher.adapter.refresh(publisher.account, old, app, http)


# --- Bluesky -----------------------------------------------------------------------------------------------


def test_bluesky__sending_the_same_record_twice_makes_one_post(bluesky: Publisher) -> None:
    prepared = bluesky.prepare("Hello")
    bluesky.send(prepared)
    with pytest.raises(OutcomeUnknown):
        bluesky.send(prepared)
    assert len(bluesky.adapter.reconcile(prepared, bluesky.session()).matches) == 1
    assert len(bluesky.posts) == 1


def test_bluesky__another_post_under_our_id_is_not_taken_for_ours(bluesky: Publisher) -> None:
    first, second = bluesky.prepare("One"), bluesky.prepare("Two")
    second = replace(second, key=first.key, request={**second.request, "rkey": first.key})
    bluesky.send(first)
    with pytest.raises(OutcomeUnknown):
        bluesky.send(second)
    look = bluesky.adapter.reconcile(second, bluesky.session())
    assert look.occupied
    assert look.matches == ()


def test_bluesky__an_expired_session_is_refreshed_and_the_send_repeated(bluesky: Publisher) -> None:
    prepared = bluesky.prepare("Hello")
    bluesky.sandbox.advance(7300)
    session = bluesky.session()
    with pytest.raises(AuthExpired):
        bluesky.adapter.send_step(prepared, session)
    assert session.visible == "refused"
    bluesky.refresh()
    bluesky.send(prepared)
    assert len(bluesky.posts) == 1


def test_bluesky__a_refresh_whose_answer_was_lost_can_be_repeated(bluesky: Publisher) -> None:
    old = bluesky.credentials
    bluesky.refresh()
    bluesky.credentials = old
    bluesky.refresh()
    bluesky.publish("Hello")


def test_bluesky__a_refresh_token_past_its_grace_leads_to_a_login(bluesky: Publisher) -> None:
    old = bluesky.credentials
    bluesky.refresh()
    bluesky.sandbox.advance(7300)
    bluesky.credentials = old
    bluesky.refresh()
    bluesky.publish("Hello")


def test_bluesky__a_card_that_cannot_be_made_has_the_address_as_title(bluesky: Publisher) -> None:
    link = f"{bluesky.sandbox.base_url}/page"  # loopback: the guarded fetcher does not go there
    bluesky.publish("Hello", link=link)
    record = bluesky.prepare("Hello", link=link).request["record"]
    assert record["embed"]["external"] == {"uri": link, "title": link, "description": ""}
