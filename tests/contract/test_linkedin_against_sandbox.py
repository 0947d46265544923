"""The LinkedIn adapter over real HTTP: every kind of post, what a kill leaves, lost answers, tokens, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from socialcron.errors import AuthExpired, Duplicate, OutcomeUnknown, PlatformFailure, Rejected
from socialcron.model import Account, Closed, Confirmed, Look, Media, PreparedStep, Ready, Saved, Step, Wait
from socialcron.platforms import registry
from socialcron.platforms.base import App, Authorizing, Grant, Measuring, OneByOne
from socialcron.platforms.http import Http, Session
from socialcron.sandbox import Sandbox
from socialcron.sandbox.linkedin import POISON
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET

PNG = b"\x89PNG\r\n\x1a\n"
MP4 = b"\0\0\0\x18ftypmp42"
VIDEO_BYTES = 100_000
TEXT = "We shipped v1 (finally) #release @[Acme (UK)](urn:li:organization:2414183) a_b* [x] {y} ~ <z> |\\ # #1 @you🎉"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


class Publisher:
    """One account, and the least of what the batch does with an adapter: prepare until ready, then send."""

    def __init__(self, sandbox: Sandbox, http: Http, place: str = "linkedin", **options: Any) -> None:
        made = sandbox.account(place, "alice", **options)
        self.sandbox, self.http, self.place, self.adapter = sandbox, http, place, registry.adapter(place)
        self.credentials = made["credentials"]
        self.app = App(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        self.account = Account(
            id=1,
            platform=place,
            handle="alice",
            external_id=made["external_id"],
            settings={"base_url": made["base_url"]},
        )
        self.calls: list[Saved | Wait] = []  # what `prepare` returned on the way

    def set(self, **settings: str) -> None:
        self.account = replace(self.account, settings={**self.account.settings, **settings})

    def session(self) -> Session:
        return self.adapter.connect(self.account, self.credentials, self.app, self.http)

    def prepare(self, text: str = "Hello", *, most_calls: int = 99, **parts: Any) -> PreparedStep:
        """Call `prepare` until it is ready; TimeoutError after `most_calls` times."""
        step = Step(number=0, kind="post", text=text, key="k" * 43, **parts)
        assert self.adapter.validate([step], self.account.settings) == []
        for _ in range(most_calls):
            done = self.adapter.prepare(step, self.session())
            if isinstance(done, Ready):
                return PreparedStep(
                    number=0,
                    kind="post",
                    key=step.key,
                    request=done.request,
                    media=step.media,
                    handles=done.handles or step.handles,
                    first_sending_at=datetime.now(UTC),
                    sends=1,
                )
            self.calls.append(done)
            step = replace(step, handles=done.handles)
        raise TimeoutError

    def prepare_all_twice(self, **parts: Any) -> Ready:
        """As a run that is killed after each request, before what came of it was saved."""
        step = Step(number=0, kind="post", text="Look", key="k" * 43, **parts)
        while True:
            self.adapter.prepare(step, self.session())
            done = self.adapter.prepare(step, self.session())
            if isinstance(done, Ready):
                return done
            step = replace(step, handles=done.handles)

    def send(self, prepared: PreparedStep) -> Confirmed:
        sent = self.adapter.send_step(prepared, self.session())
        assert isinstance(sent, Confirmed)
        return sent

    def publish(self, text: str = "Hello", **parts: Any) -> Confirmed:
        return self.send(self.prepare(text, **parts))

    def lose(self, prepared: PreparedStep, kind: str) -> None:
        """Send under a fault, which must leave the outcome unknown."""
        self.sandbox.fault(kind, platform=self.place, visible_only=True, count=1)
        with pytest.raises(OutcomeUnknown):
            self.send(prepared)

    def look(self, prepared: PreparedStep) -> Look:
        """As the batch looks: without the files."""
        return self.adapter.reconcile(replace(prepared, media=()), self.session())

    def consent(self, redirect_uri: str, path: str) -> Grant:
        """What a browser does at the authorization page."""
        flow = self.adapter.declaration.authorization
        assert flow is not None
        query = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": redirect_uri,
            "state": "s",
            "scope": flow.scope_separator.join(flow.scopes),
        }
        answer = httpx.get(f"{self.sandbox.url(self.place)}{path}", params={**query, **flow.parameters})
        code = httpx.URL(answer.headers["location"]).params["code"]
        return Grant(code=code, redirect_uri=redirect_uri)

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts(self.place)

    def body(self, confirmed: Confirmed) -> dict[str, Any]:
        """The post as the platform serves it."""
        body: dict[str, Any] = self.sandbox.platforms[self.place].posts[confirmed.remote_id].body
        return body

    def answers(self, line: str) -> int:
        """How often the sandbox gave an answer, as in "GET /path 200"."""
        counted: int = self.sandbox.state(self.place)["platforms"][self.place]["answers"].get(line, 0)
        return counted


@pytest.fixture
def member(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, http)


@pytest.fixture
def page(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, http, organization=True)


@pytest.fixture(params=["member", "page"])
def publisher(request: pytest.FixtureRequest) -> Publisher:
    publisher: Publisher = request.getfixturevalue(request.param)
    return publisher


def picture(tmp_path: Path, name: str = "cat.png", **parts: Any) -> Media:
    path = tmp_path / name
    path.write_bytes(PNG + name.encode())
    size = path.stat().st_size
    return Media(**{"source": name, "path": path, "mime_type": "image/png", "size_bytes": size, **parts})


def video(tmp_path: Path, extra: bytes = b"") -> Media:
    path = tmp_path / "cat.mp4"
    path.write_bytes((MP4 + extra).ljust(VIDEO_BYTES, b"v"))
    return Media(source="cat.mp4", path=path, mime_type="video/mp4", size_bytes=VIDEO_BYTES)


# --- every kind of post ------------------------------------------------------------------------------------


def test_a_text_arrives_whole(publisher: Publisher) -> None:
    sent = publisher.publish(TEXT)
    assert [post["text"] for post in publisher.posts] == [TEXT]
    assert sent.url == f"https://www.linkedin.com/feed/update/{sent.remote_id}/"
    assert "{hashtag|\\#|release}" in publisher.body(sent)["commentary"]


def test_a_link_becomes_an_article(publisher: Publisher) -> None:
    sent = publisher.publish("Read", link="https://a.example/x_y", options={"link_title": "Bread"})
    assert publisher.body(sent)["content"] == {
        "article": {"source": "https://a.example/x_y", "title": "Bread"}
    }


def test_one_picture_with_alt_text(publisher: Publisher, tmp_path: Path) -> None:
    sent = publisher.publish("Look", media=(picture(tmp_path, alt="a cat"),), link="https://a.example/")
    assert publisher.body(sent)["content"]["media"]["altText"] == "a cat"
    assert publisher.posts[0]["text"] == "Look\nhttps://a.example/"


def test_several_pictures(publisher: Publisher, tmp_path: Path) -> None:
    pictures = tuple(picture(tmp_path, f"{number}.png") for number in range(3))
    publisher.publish("", media=pictures)
    assert len(set(publisher.posts[0]["media"])) == 3


def test_a_video_in_parts(publisher: Publisher, tmp_path: Path) -> None:
    publisher.sandbox.settings("linkedin", part_bytes=30_000)
    sent = publisher.publish("Look", media=(video(tmp_path),), options={"video_title": "Cat"})
    assert publisher.body(sent)["content"]["media"]["title"] == "Cat"
    assert publisher.answers("PUT /dms-uploads/{own}/{part} 200") == 4
    assert any(isinstance(call, Wait) for call in publisher.calls)


def test_a_video_that_cannot_be_processed_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="could not process the video: The file"):
        publisher.prepare(media=(video(tmp_path, POISON),))


def test_a_picture_that_cannot_be_processed_is_refused(page: Publisher, tmp_path: Path) -> None:
    media = picture(tmp_path, POISON.decode())
    with pytest.raises(Rejected, match="could not process the image"):
        page.prepare(media=(media,))


# --- after a kill ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", range(1, 8))
def test_an_upload_goes_on_from_every_handle(publisher: Publisher, tmp_path: Path, calls: int) -> None:
    publisher.sandbox.settings("linkedin", part_bytes=30_000)
    media = (video(tmp_path),)
    with pytest.raises(TimeoutError):
        publisher.prepare(media=media, most_calls=calls)
    saved = publisher.calls[-1].handles
    prepared = publisher.prepare(media=media, handles=saved)
    publisher.send(prepared)
    assert publisher.answers("PUT /dms-uploads/{own}/{part} 200") == 4


def test_a_step_done_but_not_saved_does_no_harm(publisher: Publisher, tmp_path: Path) -> None:
    """Killed between the request and the commit: every handle is used twice."""
    publisher.sandbox.settings("linkedin", part_bytes=30_000)
    done = publisher.prepare_all_twice(media=(video(tmp_path),))
    assert done.request["content"]["media"]["id"].startswith("urn:li:video:")


def test_an_upload_address_that_is_over_begins_anew(publisher: Publisher, tmp_path: Path) -> None:
    for media in (picture(tmp_path), video(tmp_path)):
        publisher.calls.clear()
        with pytest.raises(TimeoutError):
            publisher.prepare(media=(media,), most_calls=1)
        publisher.sandbox.advance(90_000)
        publisher.prepare(media=(media,), handles=publisher.calls[-1].handles)


def test_media_of_another_author_are_uploaded_again(page: Publisher, tmp_path: Path) -> None:
    media = (picture(tmp_path),)
    page.prepare(media=media)
    stolen = {**page.calls[-1].handles, "author": "urn:li:person:other"}
    assert page.prepare(media=media, handles=stolen).handles["media"] != stolen["media"]


# --- what became of it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["accept_then_drop", "reset"])
@pytest.mark.parametrize("text", [TEXT, ""])
def test_a_page_finds_its_post_again(page: Publisher, tmp_path: Path, kind: str, text: str) -> None:
    page.publish("Something else")
    prepared = page.prepare(text, media=(picture(tmp_path),))
    page.lose(prepared, kind)
    for number in range(12):
        page.publish(f"another {number}")
    look = page.look(prepared)
    assert [match.remote_id for match in look.matches] == [page.posts[1]["id"]]
    assert look.complete


def test_a_lost_request_of_a_page_is_proven_absent(page: Publisher) -> None:
    prepared = page.prepare()
    page.lose(prepared, "drop_before")
    look = page.look(prepared)
    assert (look.matches, look.complete) == ((), True)
    page.send(prepared)
    assert len(page.posts) == 1


def test_a_listing_that_lags_shows_nothing_yet(page: Publisher) -> None:
    prepared = page.prepare()
    page.sandbox.fault("lagging_listing", platform="linkedin", visible_only=True, count=1, looks=1)
    page.lose(prepared, "accept_then_drop")
    assert page.look(prepared).matches == ()
    assert len(page.look(prepared).matches) == 1


def test_of_a_member_nothing_can_be_proven(member: Publisher) -> None:
    prepared = member.prepare()
    member.lose(prepared, "accept_then_drop")
    look = member.look(prepared)
    assert (look.matches, look.complete) == ((), False)
    with pytest.raises(Duplicate, match="urn:li:share:"):
        member.send(prepared)
    assert len(member.posts) == 1


def test_a_page_that_may_not_be_read_proves_nothing(sandbox: Sandbox, http: Http) -> None:
    page = Publisher(sandbox, http, organization=True, scopes="w_organization_social")
    prepared = page.prepare()
    page.lose(prepared, "drop_before")
    assert not page.look(prepared).complete


# --- versions and tokens -----------------------------------------------------------------------------------


def test_a_retired_version_is_met_before_the_post(publisher: Publisher) -> None:
    publisher.sandbox.settings("linkedin", oldest_version="202610")
    with pytest.raises(PlatformFailure) as caught:
        publisher.prepare()
    assert "api_version" in (caught.value.hint or "")
    assert not caught.value.retryable
    publisher.set(api_version="202610")
    publisher.publish()


def test_an_expired_token_is_refreshed_where_there_is_a_refresh_token(sandbox: Sandbox, http: Http) -> None:
    publisher = Publisher(sandbox, http, refresh=True)
    prepared = publisher.prepare()
    sandbox.advance(61 * 86_400)
    with pytest.raises(AuthExpired):
        publisher.send(prepared)
    renewed = publisher.adapter.refresh(publisher.account, publisher.credentials, publisher.app, http)
    assert renewed.expires_at is not None
    assert renewed.refresh_expires_at is not None
    assert 303 <= (renewed.refresh_expires_at - datetime.now(UTC)).days <= 304  # it does not grow
    publisher.credentials = renewed.credentials
    publisher.send(prepared)
    sandbox.advance(305 * 86_400)
    with pytest.raises(AuthExpired):
        publisher.adapter.refresh(publisher.account, publisher.credentials, publisher.app, http)


def test_identify__names_the_author(publisher: Publisher) -> None:
    assert publisher.adapter.identify(publisher.session()).external_id == publisher.account.external_id


def test_connecting__gives_the_member_or_the_page_named(member: Publisher) -> None:
    adapter, settings = cast(Authorizing, member.adapter), {"base_url": member.sandbox.url("linkedin")}
    grant = member.consent("http://127.0.0.1:9/", "/oauth/v2/authorization")
    (found,) = adapter.connect_accounts(grant, member.app, settings, member.http)
    assert (found.external_id, found.handle) == (member.account.external_id, "alice")
    assert set(found.scopes) == {"openid", "profile", "w_member_social"}
    assert found.tokens.expires_at is not None
    member.credentials = found.tokens.credentials
    member.publish()
    with pytest.raises(AuthExpired):  # codes work once
        adapter.connect_accounts(grant, member.app, settings, member.http)
    page = {**settings, "author": "urn:li:organization:5515715"}
    grant = member.consent("http://127.0.0.1:9/", "/oauth/v2/authorization")
    (found,) = adapter.connect_accounts(grant, member.app, page, member.http)
    assert found.external_id == "urn:li:organization:5515715"


def read(author: Publisher, *ids: str) -> Mapping[str, Any]:
    return cast(Measuring, author.adapter).read_metrics(ids, author.session())


def test_readings__of_a_page_come_at_once(page: Publisher) -> None:
    ids = [page.publish(text).remote_id for text in ("one", "two")]
    page.sandbox.advance(3600)
    found = read(page, *ids)
    assert found.keys() == set(ids)
    assert all(reading.views > reading.likes and reading.saves is None for reading in found.values())


def test_readings__of_a_member_come_one_by_one(member: Publisher) -> None:
    ids = [member.publish(text).remote_id for text in ("one", "two")]
    member.sandbox.advance(3600)
    with pytest.raises(OneByOne):
        read(member, *ids)
    for remote_id in ids:
        [reading] = read(member, remote_id).values()
        assert reading.views > reading.likes
        assert reading.saves is not None


def test_readings__a_member_whose_app_may_only_post_has_none(member: Publisher) -> None:
    made = member.sandbox.account("linkedin", "alice", scopes="openid profile w_member_social")
    member.credentials = made["credentials"]
    [closed] = read(member, member.publish().remote_id).values()
    assert isinstance(closed, Closed)
