"""Facebook over real HTTP: prepare, send, lose the answer, ask again; posts are counted there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.errors import AuthExpired, Duplicate, OutcomeUnknown, RateLimited, Rejected, Unavailable
from socialcron.model import Accepted, Account, Confirmed, Look, Media, PreparedStep, Ready, Saved, Step
from socialcron.platforms.base import App, Grant
from socialcron.platforms.facebook import Facebook
from socialcron.platforms.http import Http, Session
from socialcron.sandbox import Sandbox
from socialcron.sandbox.facebook import POISON
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import MP4, PNG

APP = App(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)


class Publisher:
    """One page and the least of what the batch does with an adapter."""

    def __init__(self, sandbox: Sandbox, http: Http, folder: Path) -> None:
        made = sandbox.account("facebook", "alice", dated=True)
        self.sandbox, self.http, self.folder = sandbox, http, folder
        self.adapter = Facebook()
        self.account = Account(
            id=1,
            platform="facebook",
            handle="alice",
            external_id=made["external_id"],
            settings={"base_url": made["base_url"]},
        )
        self.credentials: Mapping[str, Any] = made["credentials"]

    def media(self, name: str, data: bytes) -> Media:
        path = self.folder / name
        path.write_bytes(data)
        kind = "image/png" if name.endswith(".png") else "video/mp4"
        url = f"{self.sandbox.media_url}/{name}"
        return Media(source=name, alt="a cat", url=url, path=path, mime_type=kind, size_bytes=len(data))

    def session(self) -> Session:
        return self.adapter.connect(self.account, self.credentials, APP, self.http)

    def prepare(
        self, text: str = "Hello", after_each: Callable[[], None] = lambda: None, **parts: Any
    ) -> PreparedStep:
        step = Step(number=0, kind="post", text=text, key="k", **parts)
        assert self.adapter.validate([step], {}) == []
        while not isinstance(done := self.adapter.prepare(step, self.session()), Ready):
            step = replace(step, handles=done.handles)
            after_each()
        return PreparedStep(
            number=0,
            kind="post",
            key="k",
            request=done.request,
            handles=done.handles or {},
            first_sending_at=datetime.now(UTC),
            sends=1,
        )

    def send(self, prepared: PreparedStep) -> Confirmed | Accepted:
        return self.adapter.send_step(prepared, self.session())

    def lose(self, prepared: PreparedStep, kind: str, **rule: Any) -> None:
        self.sandbox.fault(kind, platform="facebook", visible_only=True, count=1, **rule)
        with pytest.raises(OutcomeUnknown):
            self.send(prepared)

    def look(self, prepared: PreparedStep) -> Look:
        return self.adapter.reconcile(prepared, self.session())

    def settle(self, prepared: PreparedStep) -> Look:
        while (look := self.look(prepared)).waiting_seconds is not None:
            pass
        return look

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts("facebook")


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
            return {"link": "https://example.com/menu"}
        case "photos":
            return {"media": (publisher.media("cat.png", PNG), publisher.media("dog.png", PNG + b"dog"))}
        case "video" | "reel":
            return {"media": (publisher.media("cat.mp4", MP4),), "options": {"type": kind}}
    return {}


KIND = pytest.mark.parametrize("kind", ["text", "link", "photos", "video", "reel"])
LOST = ("accept_then_drop", "reset", "half_answer", "empty_body", "truncated_json", "huge_body", "html")


@KIND
def test_each_kind_of_post_is_out_once(publisher: Publisher, kind: str) -> None:
    prepared = publisher.prepare("Grüße 👋", **parts_of(kind, publisher))
    sent = publisher.send(prepared)
    if isinstance(sent, Accepted):
        [sent] = publisher.settle(replace(prepared, handles=sent.handles)).matches
    [post] = publisher.posts
    assert (post["id"], post["text"]) == (sent.remote_id, "Grüße 👋")
    assert sent.url is not None
    assert len(post["media"]) == {"text": 0, "link": 0, "photos": 2}.get(kind, 1)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("kind", ["text", "link", "photos", "reel"])
def test_a_lost_answer_is_found_and_made_no_second_post(publisher: Publisher, kind: str, lost: str) -> None:
    publisher.send(publisher.prepare("Something else"))
    prepared = publisher.prepare(" Hello\n\n#tag  you ", **parts_of(kind, publisher))
    publisher.lose(prepared, lost, performed=True)
    [match] = publisher.settle(prepared).matches
    assert match.remote_id == publisher.posts[-1]["id"]
    assert len(publisher.posts) == 2


def test_a_page_video_whose_answer_is_lost_is_left_to_a_person(publisher: Publisher) -> None:
    prepared = publisher.prepare(**parts_of("video", publisher))
    publisher.lose(prepared, "accept_then_drop")
    assert publisher.look(prepared) == Look(complete=False)


@pytest.mark.parametrize("kind", ["text", "link", "photos", "reel"])
def test_a_lost_request_is_proven_absent_and_sent_again(publisher: Publisher, kind: str) -> None:
    prepared = publisher.prepare(**parts_of(kind, publisher))
    publisher.lose(prepared, "drop_before")
    assert publisher.look(prepared) == Look()
    publisher.send(prepared)
    assert len(publisher.posts) == 1


def test_a_reel_is_published_once_however_often_its_end_is_sent(publisher: Publisher) -> None:
    prepared = publisher.prepare(**parts_of("reel", publisher))
    publisher.send(prepared)
    with pytest.raises(OutcomeUnknown, match="the reel is there"):
        publisher.send(prepared)
    assert len(publisher.posts) == 1


def test_an_identical_post_is_a_duplicate(publisher: Publisher) -> None:
    prepared = publisher.prepare()
    publisher.send(prepared)
    with pytest.raises(Duplicate):
        publisher.send(prepared)
    assert len(publisher.posts) == 1


def test_a_video_that_cannot_be_processed_has_failed(publisher: Publisher) -> None:
    for kind in ("video", "reel"):
        media = publisher.media("bad.mp4", MP4 + POISON)
        prepared = publisher.prepare(media=(media,), options={"type": kind})
        sent = publisher.send(prepared)
        look = publisher.settle(replace(prepared, handles=sent.handles if isinstance(sent, Accepted) else {}))
        assert isinstance(look.failure, Rejected)
    assert publisher.posts == []


@pytest.mark.parametrize("kind", ["photos", "reel"])
def test_prepare__goes_on_after_a_kill_between_any_two_requests(publisher: Publisher, kind: str) -> None:
    """Each call of `prepare` makes a session of its own and knows nothing but the handles."""
    calls: list[int] = []
    publisher.prepare(after_each=lambda: calls.append(1), **parts_of(kind, publisher))
    assert len(calls) == 2
    state = publisher.sandbox.state("facebook")["platforms"]["facebook"]
    made = {"photos": "POST /{id}/photos", "reel": "POST /video-upload/{version}/{id}"}[kind]
    assert state["requests"][made] == (2 if kind == "photos" else 1)


def test_prepare__sends_only_the_rest_of_a_reel_that_broke_off(publisher: Publisher) -> None:
    media = publisher.media("long.mp4", MP4 + bytes(1_000_000))
    step = Step(number=0, kind="post", text="Hello", media=(media,), options={"type": "reel"}, key="k")
    begun = publisher.adapter.prepare(step, publisher.session())
    assert isinstance(begun, Saved)
    headers = {"Authorization": f"OAuth {publisher.credentials['access_token']}", "offset": "0"}
    headers["file_size"] = str(media.size_bytes)
    part = (MP4 + bytes(1_000_000))[:600_000]
    assert httpx.post(begun.handles["upload_url"], headers=headers, content=part).status_code == 200

    saved = publisher.adapter.prepare(replace(step, handles=begun.handles), publisher.session())
    assert isinstance(saved, Saved)
    ready = publisher.adapter.prepare(replace(step, handles=saved.handles), publisher.session())
    assert isinstance(ready, Ready)
    # The judge takes bytes only from where the first part ended.
    state = publisher.sandbox.state("facebook")["platforms"]["facebook"]
    assert state["answers"]["POST /video-upload/{version}/{id} 200"] == 2


@pytest.mark.parametrize("lost", ["drop_before", "accept_then_drop"])
@pytest.mark.parametrize("kind", ["photos", "reel"])
def test_prepare__a_lost_upload_is_repeated_and_shows_nothing(
    publisher: Publisher, kind: str, lost: str
) -> None:
    publisher.sandbox.fault(lost, platform="facebook", method="POST", count=1)
    with pytest.raises(Unavailable):
        publisher.prepare(**parts_of(kind, publisher))
    assert publisher.posts == []
    publisher.send(publisher.prepare(**parts_of(kind, publisher)))
    assert len(publisher.posts) == 1


def test_prepare__a_reel_that_expired_is_begun_anew(publisher: Publisher) -> None:
    parts = parts_of("reel", publisher)
    old = publisher.prepare(**parts)
    publisher.sandbox.advance(86_500)
    publisher.credentials = publisher.sandbox.account("facebook", "alice")["credentials"]
    fresh = publisher.prepare(**parts, handles=old.handles)
    assert fresh.handles["video_id"] != old.handles["video_id"]
    publisher.send(fresh)


def test_a_rate_limit_is_a_refusal_that_says_when_to_come_back(publisher: Publisher) -> None:
    prepared = publisher.prepare()
    publisher.sandbox.fault("429", platform="facebook", visible_only=True, count=1, retry_after=300)
    session = publisher.session()
    with pytest.raises(RateLimited) as caught:
        publisher.adapter.send_step(prepared, session)
    assert caught.value.retry_after == pytest.approx(300, abs=61)  # told in whole minutes
    assert session.visible == "refused"
    assert session.seen[-1].blocked
    assert publisher.posts == []


def test_a_token_that_ended_is_made_anew_from_the_user_token(publisher: Publisher) -> None:
    prepared = publisher.prepare()
    publisher.sandbox.advance(3700)
    with pytest.raises(AuthExpired):
        publisher.send(prepared)
    renewed = publisher.adapter.refresh(publisher.account, publisher.credentials, APP, publisher.http)
    assert renewed.expires_at is not None
    publisher.credentials = renewed.credentials
    publisher.send(prepared)
    publisher.sandbox.advance(61 * 86_400)
    with pytest.raises(AuthExpired):  # a user token that is over cannot be exchanged
        publisher.adapter.refresh(publisher.account, publisher.credentials, APP, publisher.http)
    publisher.session().memo.clear()
    assert publisher.adapter.identify(publisher.session()).handle == "alice"  # the page's own has no end


def test_connect_accounts__finds_every_page_that_may_be_published_on(publisher: Publisher) -> None:
    publisher.sandbox.account("facebook", "readers", tasks=("ANALYZE",))
    publisher.sandbox.account("facebook", "cafe")
    declared = publisher.adapter.declaration.authorization
    assert declared is not None
    settings = publisher.account.settings
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": "http://127.0.0.1:1/back",
        "response_type": "code",
        "state": "s",
        "scope": declared.scope_separator.join(declared.scopes),
    }
    there = settings["base_url"] + urlsplit(declared.authorize_url).path
    back = urlsplit(httpx.get(there, params=query).headers["location"])
    grant = Grant(code=parse_qs(back.query)["code"][0], redirect_uri="http://127.0.0.1:1/back")
    pages = publisher.adapter.connect_accounts(grant, APP, settings, publisher.http)
    assert sorted(page.handle for page in pages) == ["alice", "cafe"]
    assert {page.tokens.expires_at for page in pages} == {None}
    publisher.credentials = next(page for page in pages if page.handle == "alice").tokens.credentials
    publisher.send(publisher.prepare())
    with pytest.raises(AuthExpired):
        publisher.adapter.connect_accounts(grant, APP, settings, publisher.http)
