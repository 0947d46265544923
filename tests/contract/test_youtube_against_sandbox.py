"""YouTube over real HTTP: upload in pieces, be killed after each, lose the answer, ask; videos are counted there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.errors import AuthExpired, OutcomeUnknown, PlatformFailure, RateLimited, Rejected, Unavailable
from socialcron.model import Account, Confirmed, Look, Media, PreparedStep, Ready, Saved, Step
from socialcron.platforms.base import App, Grant
from socialcron.platforms.http import Http, Session
from socialcron.platforms.youtube import YouTube
from socialcron.sandbox import Sandbox
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import MP4, PNG

APP = App(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
GRAIN, PIECE = 262_144, 8 * 2**20
LOST = ("accept_then_drop", "reset", "half_answer", "empty_body", "truncated_json", "huge_body", "html")


class Publisher:
    """One channel and the least of what the batch does with an adapter."""

    def __init__(self, sandbox: Sandbox, http: Http, folder: Path) -> None:
        made = sandbox.account("youtube", "alice")
        self.sandbox, self.http, self.folder = sandbox, http, folder
        self.adapter = YouTube()
        self.account = Account(
            id=1,
            platform="youtube",
            handle="alice",
            external_id=made["external_id"],
            settings={"base_url": made["base_url"]},
        )
        self.credentials: Mapping[str, Any] = made["credentials"]
        self.memo: dict[str, Any] = {}

    def film(self, size: int = 2 * GRAIN, name: str = "cat.mp4") -> Media:
        path = self.folder / name
        path.write_bytes(MP4 + bytes(number % 251 for number in range(1009)) * (size // 1009 + 1))
        with path.open("r+b") as file:
            file.truncate(size)
        digest = sha256(path.read_bytes()).hexdigest()
        return Media(source=name, path=path, mime_type="video/mp4", size_bytes=size, sha256=digest)

    def session(self) -> Session:
        session = self.adapter.connect(self.account, self.credentials, APP, self.http)
        session.memo = self.memo
        return session

    def new_run(self) -> None:
        """As after a kill: nothing is known but what was stored."""
        self.memo = {}

    def refresh(self) -> None:
        self.credentials = self.adapter.refresh(self.account, self.credentials, APP, self.http).credentials

    def step(self, media: Media, text: str = "Launch\nNotes", **parts: Any) -> Step:
        step = Step(number=0, kind="post", text=text, media=(media,), key="k", **parts)
        assert self.adapter.validate([step], {}) == []
        return step

    def prepare(self, step: Step, *, killed: bool = False) -> PreparedStep:
        """killed: after each call."""
        while not isinstance(done := self.adapter.prepare(step, self.session()), Ready):
            step = replace(step, handles=done.handles)
            if killed:
                self.new_run()
        return PreparedStep(
            number=step.number,
            kind=step.kind,
            key="k",
            request=done.request,
            media=step.media,
            handles=step.handles if done.handles is None else done.handles,
            first_sending_at=datetime.now(UTC),
            sends=1,
        )

    def send(self, prepared: PreparedStep) -> Confirmed:
        return self.adapter.send_step(prepared, self.session())

    def lose(self, prepared: PreparedStep, kind: str, **rule: Any) -> None:
        self.sandbox.fault(kind, platform="youtube", visible_only=True, count=1, **rule)
        session = self.session()
        with pytest.raises(OutcomeUnknown):
            self.adapter.send_step(prepared, session)
        assert session.visible == "open"

    def look(self, prepared: PreparedStep) -> Look:
        """Without the file, as the batch asks."""
        return self.adapter.reconcile(replace(prepared, media=()), self.session())

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts("youtube")

    @property
    def pieces(self) -> int:
        """PUT requests that the sandbox answered with 308, questions included."""
        answers = self.sandbox.state("youtube")["platforms"]["youtube"]["answers"]
        return int(answers.get("PUT /upload/youtube/v3/videos 308", 0))


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    http = Http()
    with Sandbox.start(seed=1) as sandbox:
        yield Publisher(sandbox, http, tmp_path)
        assert sandbox.state()["bugs"] == []
    http.close()


def test_a_video_is_out_once_with_every_byte_and_choice(publisher: Publisher) -> None:
    film = publisher.film(2 * PIECE + 5)
    options = {
        "title": "Cats",
        "tags": ["cat", "two words"],
        "category_id": "15",
        "publish_at": "2027-01-01T09:00:00+01:00",
        "made_for_kids": False,
        "contains_synthetic_media": True,
        "notify_subscribers": False,
    }
    sent = publisher.send(publisher.prepare(publisher.step(film, link="https://a.example", options=options)))
    [post] = publisher.posts
    assert (post["id"], post["text"]) == (sent.remote_id, "Launch\nNotes\nhttps://a.example")
    assert post["media"] == [f"sha256:{film.sha256}"]
    assert publisher.pieces == 2


@pytest.mark.parametrize("size", [60, GRAIN, GRAIN + 1, 2 * GRAIN])
def test_nothing_is_on_the_channel_before_the_last_piece(publisher: Publisher, size: int) -> None:
    prepared = publisher.prepare(publisher.step(publisher.film(size)))
    assert publisher.posts == []
    assert size - prepared.request["offset"] <= GRAIN
    publisher.send(prepared)
    assert len(publisher.posts) == 1


def test_an_upload_killed_after_each_piece_sends_each_once(publisher: Publisher) -> None:
    film = publisher.film(3 * PIECE + 7)
    publisher.send(publisher.prepare(publisher.step(film), killed=True))
    assert [post["media"] for post in publisher.posts] == [[f"sha256:{film.sha256}"]]
    assert publisher.pieces == 3 + 4  # each piece, and each run's question


def test_an_upload_goes_on_where_the_server_says(publisher: Publisher) -> None:
    publisher.sandbox.settings("youtube", keep_bytes=3 * 2**20)
    film = publisher.film(10 * 2**20)
    publisher.send(publisher.prepare(publisher.step(film), killed=True))
    assert [post["media"] for post in publisher.posts] == [[f"sha256:{film.sha256}"]]


@pytest.mark.parametrize("kind", ["drop_before", *LOST])
def test_an_upload_goes_on_after_a_piece_whose_answer_was_lost(publisher: Publisher, kind: str) -> None:
    film = publisher.film(2 * PIECE + 1)
    step = publisher.step(film)
    saved = publisher.adapter.prepare(step, publisher.session())
    assert isinstance(saved, Saved)
    step = replace(step, handles=saved.handles)
    publisher.sandbox.fault(kind, platform="youtube", visible_only=True, count=1)
    for _ in range(2):  # a connection that was cut may be noticed by the request after it
        with suppress(Unavailable, PlatformFailure):
            publisher.adapter.prepare(step, publisher.session())
    publisher.send(publisher.prepare(step))
    assert [post["media"] for post in publisher.posts] == [[f"sha256:{film.sha256}"]]


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_is_found_and_made_no_second_video(publisher: Publisher, kind: str) -> None:
    prepared = publisher.prepare(publisher.step(publisher.film()))
    publisher.lose(prepared, kind, performed=True)
    [match] = publisher.look(prepared).matches
    assert [post["id"] for post in publisher.posts] == [match.remote_id]


def test_a_lost_answer_is_found_among_the_uploads_once_the_session_is_forgotten(publisher: Publisher) -> None:
    publisher.send(publisher.prepare(publisher.step(publisher.film(), text="Another")))
    prepared = publisher.prepare(publisher.step(publisher.film()))
    publisher.lose(prepared, "accept_then_drop")
    publisher.sandbox.settings("youtube", finished_seconds=0)
    look = publisher.look(prepared)
    assert look.complete
    assert [match.remote_id for match in look.matches] == [publisher.posts[-1]["id"]]


def test_a_lost_request_is_proven_absent_and_the_same_session_goes_on(publisher: Publisher) -> None:
    step = publisher.step(publisher.film())
    prepared = publisher.prepare(step)
    publisher.lose(prepared, "drop_before")
    look = publisher.look(prepared)
    assert (look.complete, look.matches) == (True, ())
    publisher.new_run()
    again = publisher.prepare(replace(step, handles=prepared.handles))
    assert again.handles["session_uri"] == prepared.handles["session_uri"]
    publisher.send(again)
    assert len(publisher.posts) == 1


def test_a_lost_request_is_proven_absent_by_the_uploads_once_the_session_is_over(
    publisher: Publisher,
) -> None:
    step = publisher.step(publisher.film())
    prepared = publisher.prepare(step)
    publisher.lose(prepared, "drop_before")
    publisher.sandbox.settings("youtube", session_seconds=0)
    look = publisher.look(prepared)
    assert (look.complete, look.matches) == (True, ())
    publisher.new_run()
    publisher.sandbox.settings("youtube", session_seconds=3600)
    publisher.sandbox.platforms["youtube"].uploads.clear()  # type: ignore[attr-defined]
    again = publisher.prepare(replace(step, handles=prepared.handles))
    assert again.handles["session_uri"] != prepared.handles["session_uri"]
    publisher.send(again)
    assert len(publisher.posts) == 1


def test_a_late_arrival_is_found_once_it_is_there(publisher: Publisher) -> None:
    prepared = publisher.prepare(publisher.step(publisher.film()))
    publisher.lose(prepared, "late_arrival", seconds=0.1)
    give_up = time.monotonic() + 10
    while not (look := publisher.look(prepared)).matches:
        assert time.monotonic() < give_up
    assert [post["id"] for post in publisher.posts] == [look.matches[0].remote_id]


def test_a_session_that_finished_unseen_is_confirmed_without_another_upload(publisher: Publisher) -> None:
    """The last piece arrives after two looks have called it absent: the next attempt finds the video."""
    step = publisher.step(publisher.film())
    prepared = publisher.prepare(step)
    publisher.lose(prepared, "accept_then_drop")
    publisher.new_run()
    again = publisher.prepare(replace(step, handles=prepared.handles))
    assert again.request["offset"] == again.request["size"]
    sent = publisher.send(again)
    assert [post["id"] for post in publisher.posts] == [sent.remote_id]
    publisher.lose(again, "reset")
    assert [match.remote_id for match in publisher.look(again).matches] == [sent.remote_id]
    assert len(publisher.posts) == 1


def test_a_thumbnail_belongs_to_its_video_and_may_be_set_twice(publisher: Publisher) -> None:
    video = publisher.send(publisher.prepare(publisher.step(publisher.film())))
    path = publisher.folder / "t.png"
    path.write_bytes(PNG)
    image = Media(source="t.png", path=path, mime_type="image/png", size_bytes=len(PNG))
    step = Step(number=1, kind="thumbnail", text="", media=(image,), parent=video, root=video)
    prepared = publisher.prepare(step)
    publisher.lose(prepared, "accept_then_drop")
    assert publisher.look(prepared).complete
    assert publisher.send(prepared) == Confirmed(remote_id=f"{video.remote_id}/thumbnail")
    [post] = publisher.posts
    assert post["media"][1] == f"sha256:{sha256(PNG).hexdigest()}"


def test_an_expired_token_is_refreshed_and_the_same_session_goes_on(publisher: Publisher) -> None:
    step = publisher.step(publisher.film())
    publisher.sandbox.advance(3600)
    with pytest.raises(AuthExpired):
        publisher.adapter.prepare(step, publisher.session())
    publisher.refresh()
    prepared = publisher.prepare(step)
    publisher.sandbox.advance(3600)
    publisher.send(prepared)  # the session's address needs no token
    publisher.refresh()  # the same refresh token is good again
    assert publisher.adapter.identify(publisher.session()).external_id == publisher.account.external_id
    assert len(publisher.posts) == 1


def test_a_spent_quota_waits_for_the_next_day(publisher: Publisher) -> None:
    step = publisher.step(publisher.film())
    for _ in range(100):
        publisher.adapter.prepare(step, publisher.session())
    session = publisher.session()
    with pytest.raises(RateLimited) as caught:
        publisher.adapter.prepare(step, session)
    assert 0 < (caught.value.retry_after or 0) <= 25 * 3600
    assert [(seen.family, seen.blocked) for seen in session.seen] == [("publish", True)]


def test_a_file_that_is_no_video_is_refused(publisher: Publisher) -> None:
    film = publisher.film(60)
    assert film.path is not None
    film.path.write_bytes(b"x" * 60)
    with pytest.raises(Rejected):
        publisher.send(publisher.prepare(publisher.step(film)))
    assert publisher.posts == []


def test_an_account_without_a_channel_needs_a_person(publisher: Publisher) -> None:
    publisher.credentials = publisher.sandbox.account("youtube", "bob", channel=False)["credentials"]
    with pytest.raises(AuthExpired):
        publisher.prepare(publisher.step(publisher.film()))
    with pytest.raises(AuthExpired):
        publisher.adapter.identify(publisher.session())


@pytest.mark.parametrize("channel", [True, False])
def test_a_consent_connects_the_channel(publisher: Publisher, channel: bool) -> None:
    publisher.sandbox.account("youtube", "carol", channel=channel)
    publisher.sandbox.settings("youtube", consenting="carol")
    base_url = publisher.account.settings["base_url"]
    grant = consent(publisher.adapter, base_url)
    found = publisher.adapter.connect_accounts(grant, APP, {"base_url": base_url}, publisher.http)
    assert [account.handle for account in found] == (["carol"] if channel else [])
    for account in found:
        assert publisher.adapter.can_refresh(account.tokens.credentials)
        assert set(account.scopes) == set(publisher.adapter.declaration.authorization.scopes)  # type: ignore[union-attr]
    with pytest.raises(AuthExpired):
        publisher.adapter.connect_accounts(grant, APP, {"base_url": base_url}, publisher.http)


def consent(adapter: Any, base_url: str) -> Grant:
    """What a browser brings back, with the code challenge of "verifier"."""
    declared = adapter.declaration.authorization
    asked = {
        **declared.parameters,
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "http://127.0.0.1:1/cb",
        "scope": " ".join(declared.scopes),
        "state": "s",
        "code_challenge": "iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ",
        "code_challenge_method": "S256",
    }
    answer = httpx.get(base_url + urlsplit(declared.authorize_url).path, params=asked)
    [code] = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
    return Grant(code=code, redirect_uri=asked["redirect_uri"], code_verifier="verifier")
