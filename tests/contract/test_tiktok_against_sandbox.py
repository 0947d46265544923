"""The TikTok adapter over real HTTP: every kind of post, lost answers and requests, uploads killed between chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
)
from socialcron.model import Account, Confirmed, Look, Media, PreparedStep, Ready, Saved, Step
from socialcron.platforms.base import App, Grant
from socialcron.platforms.http import Http, Session
from socialcron.platforms.tiktok import TikTok
from socialcron.sandbox import Sandbox
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET

MP4 = b"\0\0\0\x18ftypmp42"
JPEG = b"\xff\xd8\xff\xe0"
PUBLIC = {"privacy_level": "PUBLIC_TO_EVERYONE"}
SELF = {"privacy_level": "SELF_ONLY"}
INBOX = {"mode": "inbox"}
CHUNK = 10_000_000
# What a lost answer can look like; in each case the post was made.
LOST = ("accept_then_drop", "reset", "half_answer", "truncated_json", "empty_body", "html")
APP = App(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)


class Publisher:
    """One account and the least of what the batch does with an adapter. Every call is a run of its own."""

    def __init__(self, sandbox: Sandbox, folder: Path, http: Http) -> None:
        made = sandbox.account("tiktok", "alice")
        self.sandbox, self.folder, self.http, self.adapter = sandbox, folder, http, TikTok()
        self.account = Account(
            id=1,
            platform="tiktok",
            handle="alice",
            external_id=made["external_id"],
            settings={"base_url": made["base_url"]},
        )
        self.credentials: Mapping[str, Any] = made["credentials"]

    def session(self) -> Session:
        return self.adapter.connect(self.account, self.credentials, APP, self.http)

    def file(self, name: str, size: int = 100, mark: bytes = b"") -> Media:
        """Bytes that differ all along, so that a chunk in the wrong place shows."""
        head = (MP4 if name.endswith("mp4") else JPEG) + mark
        data = head + Random(size).randbytes(size - len(head))
        path = self.folder / name
        path.write_bytes(data)
        return Media(
            source=name,
            url=f"{self.sandbox.media_url}/{name}",
            path=path,
            mime_type="video/mp4" if name.endswith("mp4") else "image/jpeg",
            size_bytes=size,
            sha256=sha256(data).hexdigest(),
        )

    def step(self, *media: Media, text: str = "Hello 👋 #tag", options: Mapping[str, Any] = PUBLIC) -> Step:
        step = Step(number=0, kind="post", text=text, key="k", media=media, options=options)
        assert self.adapter.validate([step], self.account.settings) == []
        return step

    def prepare(self, step: Step) -> PreparedStep:
        while isinstance(done := self.adapter.prepare(step, self.session()), Saved):
            step = replace(step, handles=done.handles)
        assert isinstance(done, Ready)
        return PreparedStep(
            number=0,
            kind="post",
            key="k",
            request=done.request,
            media=step.media,
            handles=step.handles if done.handles is None else done.handles,
            first_sending_at=datetime.now(UTC),
            sends=1,
        )

    def send(self, prepared: PreparedStep) -> PreparedStep:
        """As it is known after the platform took it."""
        accepted = self.adapter.send_step(prepared, self.session())
        return replace(prepared, media=(), handles=accepted.handles)

    def lose(self, prepared: PreparedStep, kind: str, **rule: Any) -> PreparedStep:
        """Send under a fault, which must leave the outcome unknown."""
        self.sandbox.fault(kind, platform="tiktok", visible_only=True, count=1, **rule)
        session = self.session()
        with pytest.raises(OutcomeUnknown):
            self.adapter.send_step(prepared, session)
        assert session.visible == "open"
        return replace(prepared, media=())

    def look(self, sent: PreparedStep) -> Look:
        return self.adapter.reconcile(sent, self.session())

    def settle(self, sent: PreparedStep) -> Confirmed:
        """Ask until the last word."""
        for _ in range(10):
            look = self.look(sent)
            assert look.failure is None
            if look.waiting_seconds is None:
                [match] = look.matches
                if not match.provisional:
                    return match
        raise AssertionError("it never came out")

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts("tiktok")

    def requests(self, path: str) -> int:
        counted: dict[str, int] = self.sandbox.state("tiktok")["platforms"]["tiktok"]["requests"]
        return counted.get(path, 0)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox.start(seed=1, media=tmp_path) as sandbox:
        yield sandbox
        assert sandbox.bugs == []


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture
def tiktok(sandbox: Sandbox, tmp_path: Path, http: Http) -> Publisher:
    return Publisher(sandbox, tmp_path, http)


KINDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "uploaded video": ("cat.mp4", PUBLIC),
    "fetched video": ("cat.mp4", PUBLIC | {"source": "pull"}),
    "photos": ("cat.jpg", PUBLIC | {"title": "A cat", "auto_add_music": True}),
    "private video": ("cat.mp4", SELF | {"disable_comment": True, "is_aigc": True}),
    "private photos": ("cat.jpg", SELF),
    "inbox video": ("cat.mp4", INBOX),
    "fetched inbox video": ("cat.mp4", INBOX | {"source": "pull"}),
    "inbox photos": ("cat.jpg", INBOX | {"title": "A cat"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_post_comes_out_under_its_last_name(tiktok: Publisher, kind: str) -> None:
    name, options = KINDS[kind]
    found = tiktok.settle(tiktok.send(tiktok.prepare(tiktok.step(tiktok.file(name), options=options))))
    (post,) = tiktok.posts
    assert found.remote_id == post["id"]
    assert post["text"] == ("" if "inbox video" in kind else "Hello 👋 #tag")
    if "privacy_level" in options and options["privacy_level"] == PUBLIC["privacy_level"]:
        assert found.url == f"https://www.tiktok.com/@alice/video/{post['id']}"
        assert int(found.remote_id) > 2**53


def test_several_photos_make_one_post(tiktok: Publisher) -> None:
    photos = [tiktok.file(f"{number}.jpg") for number in range(3)]
    step = tiktok.step(*photos, options=PUBLIC | {"photo_cover_index": 2})
    tiktok.settle(tiktok.send(tiktok.prepare(step)))
    assert tiktok.posts[0]["media"] == [photo.url for photo in photos]


def test_a_public_post_is_provisional_until_tiktok_names_it(tiktok: Publisher) -> None:
    sent = tiktok.send(tiktok.prepare(tiktok.step(tiktok.file("cat.mp4"))))
    assert tiktok.look(sent).waiting_seconds
    for _ in range(2):
        [match] = tiktok.look(sent).matches
        assert (match.provisional, match.remote_id) == (True, sent.handles["publish_id"])
    [match] = tiktok.look(sent).matches
    assert not match.provisional


# --- uploads in chunks -------------------------------------------------------------------------------------


def test_a_large_video_arrives_byte_by_byte_in_its_order(tiktok: Publisher) -> None:
    video = tiktok.file("cat.mp4", 3 * CHUNK + 5_000_001)
    prepared = tiktok.prepare(tiktok.step(video))
    assert prepared.request["last_chunk"]["first"] == 2 * CHUNK
    assert tiktok.posts == []
    tiktok.settle(tiktok.send(prepared))
    assert tiktok.posts[0]["media"] == [video.sha256]
    assert tiktok.requests("PUT /video/") == 3


@pytest.mark.parametrize("killed_after", [0, 1, 2])
def test_an_upload_goes_on_where_a_crash_left_it(tiktok: Publisher, killed_after: int) -> None:
    """Killed after each request before its handles were stored: the init, and two chunks."""
    video = tiktok.file("cat.mp4", 3 * CHUNK)
    step, saved = tiktok.step(video), []
    for _ in range(killed_after + 1):
        done = tiktok.adapter.prepare(step, tiktok.session())
        assert isinstance(done, Saved)
        saved.append(done.handles)
        step = replace(step, handles=done.handles)
    known = saved[killed_after - 1] if killed_after else {}
    tiktok.settle(tiktok.send(tiktok.prepare(replace(step, handles=known))))
    assert [post["media"] for post in tiktok.posts] == [[video.sha256]]
    assert tiktok.requests("PUT /video/") == 3  # no chunk went up twice


@pytest.mark.parametrize("kind", ["drop_before", "accept_then_drop", "5xx", "429"])
def test_a_chunk_in_trouble_is_seen_to_in_the_next_run(tiktok: Publisher, kind: str) -> None:
    video = tiktok.file("cat.mp4", 3 * CHUNK)
    step = tiktok.step(video)
    done = tiktok.adapter.prepare(step, tiktok.session())
    assert isinstance(done, Saved)
    step = replace(step, handles=done.handles)
    tiktok.sandbox.fault(kind, method="PUT", count=1)
    with pytest.raises(PlatformError) as caught:
        tiktok.adapter.prepare(step, tiktok.session())
    assert caught.value.retryable
    tiktok.settle(tiktok.send(tiktok.prepare(step)))
    assert [post["media"] for post in tiktok.posts] == [[video.sha256]]


def test_an_upload_whose_address_is_over_is_begun_anew(tiktok: Publisher) -> None:
    video = tiktok.file("cat.mp4", 3 * CHUNK)
    step = tiktok.step(video)
    for _ in range(2):
        done = tiktok.adapter.prepare(step, tiktok.session())
        assert isinstance(done, Saved)
        step = replace(step, handles=done.handles)
    tiktok.sandbox.advance(3700)  # our clock does not know
    tiktok.settle(tiktok.send(tiktok.prepare(step)))
    assert [post["media"] for post in tiktok.posts] == [[video.sha256]]
    assert tiktok.requests("POST /v2/post/publish/video/init/") == 2


def test_an_address_that_is_over_by_tiktoks_clock_only_costs_two_tries(tiktok: Publisher) -> None:
    step = tiktok.step(tiktok.file("cat.mp4"))
    prepared = tiktok.prepare(step)
    tiktok.sandbox.advance(3700)
    for _ in range(2):
        with pytest.raises(PlatformFailure) as caught:
            tiktok.send(prepared)
        assert caught.value.retryable
        prepared = tiktok.prepare(replace(step, handles=prepared.handles))
    tiktok.settle(tiktok.send(prepared))
    assert len(tiktok.posts) == 1


def test_an_upload_killed_for_an_hour_is_begun_anew(tiktok: Publisher) -> None:
    step = tiktok.step(tiktok.file("cat.mp4"))
    done = tiktok.adapter.prepare(step, tiktok.session())
    assert isinstance(done, Saved)
    old = {**done.handles, "at": (datetime.now(UTC) - timedelta(hours=2)).isoformat()}
    tiktok.settle(tiktok.send(tiktok.prepare(replace(step, handles=old))))
    assert tiktok.requests("POST /v2/post/publish/video/init/") == 2
    assert len(tiktok.posts) == 1


# --- lost answers, lost requests ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["accept_then_drop", "reset", "html", "5xx"])  # there is no body to lose
def test_a_lost_answer_to_the_last_chunk_is_found_by_the_handle(tiktok: Publisher, kind: str) -> None:
    prepared = tiktok.prepare(tiktok.step(tiktok.file("cat.mp4")))
    sent = tiktok.lose(prepared, kind, performed=True)
    assert tiktok.settle(sent).remote_id == tiktok.posts[0]["id"]
    assert len(tiktok.posts) == 1


def test_a_lost_last_chunk_is_proven_absent_and_sent_again_by_the_same_handle(tiktok: Publisher) -> None:
    step = tiktok.step(tiktok.file("cat.mp4", 2 * CHUNK))
    prepared = tiktok.prepare(step)
    lost = tiktok.lose(prepared, "drop_before")
    assert tiktok.look(lost) == Look(complete=True)
    again = tiktok.prepare(replace(step, handles=lost.handles))
    assert again.request == prepared.request
    assert again.handles["publish_id"] == prepared.handles["publish_id"]
    tiktok.settle(tiktok.send(again))
    assert len(tiktok.posts) == 1
    assert tiktok.requests("POST /v2/post/publish/video/init/") == 1


def test_a_last_chunk_that_arrives_after_it_was_called_absent_makes_no_second_post(tiktok: Publisher) -> None:
    step = tiktok.step(tiktok.file("cat.mp4"))
    prepared = tiktok.prepare(step)
    lost = tiktok.lose(prepared, "drop_before")
    assert tiktok.look(lost).complete
    tiktok.send(prepared)  # the network had kept it
    tiktok.settle(tiktok.send(tiktok.prepare(replace(step, handles=lost.handles))))
    assert len(tiktok.posts) == 1


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("post", ["fetched video", "photos"])
def test_a_lost_handle_is_made_up_for_by_the_list(tiktok: Publisher, post: str, kind: str) -> None:
    name, options = KINDS[post]
    other = tiktok.step(tiktok.file(name), text="Something else", options=options)
    tiktok.send(tiktok.prepare(other))
    sent = tiktok.lose(tiktok.prepare(tiktok.step(tiktok.file(name), options=options)), kind, performed=True)
    [match] = tiktok.look(sent).matches
    assert match.remote_id == tiktok.posts[1]["id"]
    assert match.url == f"https://www.tiktok.com/@alice/video/{match.remote_id}"


def test_a_lost_request_for_photos_counts_as_absent_after_a_day(tiktok: Publisher) -> None:
    prepared = tiktok.prepare(tiktok.step(tiktok.file("cat.jpg")))
    lost = tiktok.lose(prepared, "drop_before")
    assert tiktok.look(lost) == Look(certain=False, complete=False)
    yesterday = datetime.now(UTC) - timedelta(hours=25)
    assert tiktok.look(replace(lost, first_sending_at=yesterday)) == Look(certain=False, complete=True)


def test_a_list_that_lags_shows_nothing_yet(tiktok: Publisher) -> None:
    prepared = tiktok.prepare(tiktok.step(tiktok.file("cat.jpg")))
    tiktok.sandbox.fault("lagging_listing", visible_only=True, count=1, looks=1)
    sent = tiktok.lose(prepared, "accept_then_drop")
    assert tiktok.look(sent) == Look(certain=False, complete=False)
    assert len(tiktok.look(sent).matches) == 1


@pytest.mark.parametrize("options", [SELF, INBOX])
def test_what_nobody_can_list_stays_unknown(tiktok: Publisher, options: Mapping[str, Any]) -> None:
    prepared = tiktok.prepare(tiktok.step(tiktok.file("cat.jpg"), options=options))
    assert tiktok.look(tiktok.lose(prepared, "accept_then_drop")) == Look(complete=False)


# --- refusals ----------------------------------------------------------------------------------------------


def test_a_video_that_fails_its_check_says_so_later(tiktok: Publisher) -> None:
    sent = tiktok.send(
        tiktok.prepare(tiktok.step(tiktok.file("cat.mp4", mark=b"SANDBOX-FAIL-frame_rate_check_failed")))
    )
    assert tiktok.look(sent).waiting_seconds
    assert isinstance(tiktok.look(sent).failure, Rejected)
    assert tiktok.posts == []


def test_a_video_that_failed_at_tiktok_is_uploaded_anew(tiktok: Publisher) -> None:
    step = tiktok.step(tiktok.file("cat.mp4", mark=b"SANDBOX-FAIL-internal"))
    sent = tiktok.send(tiktok.prepare(step))
    tiktok.look(sent)
    failure = tiktok.look(sent).failure
    assert isinstance(failure, PlatformFailure)
    assert failure.retryable
    again = tiktok.prepare(replace(step, handles=sent.handles))
    assert again.handles["publish_id"] != sent.handles["publish_id"]


def test_a_daily_cap_is_known_before_a_byte_goes_up(tiktok: Publisher) -> None:
    tiktok.sandbox.settings("tiktok", daily_posts=1)
    step = tiktok.step(tiktok.file("cat.mp4"))
    tiktok.send(tiktok.prepare(step))
    with pytest.raises(RateLimited) as caught:
        tiktok.prepare(step)
    assert caught.value.retry_after == 86_400


def test_a_rate_limit_waits_a_minute_at_least(tiktok: Publisher) -> None:
    prepared = tiktok.prepare(tiktok.step(tiktok.file("cat.jpg")))
    tiktok.sandbox.fault("429", visible_only=True, count=1)
    session = tiktok.session()
    with pytest.raises(RateLimited) as caught:
        tiktok.adapter.send_step(prepared, session)
    assert (caught.value.retry_after, session.visible) == (60, "refused")


def test_an_unaudited_app_is_told_what_it_may_do(tiktok: Publisher) -> None:
    tiktok.sandbox.settings("tiktok", audited=False)
    with pytest.raises(PlatformFailure) as caught:
        tiktok.prepare(tiktok.step(tiktok.file("cat.mp4")))
    assert "SELF_ONLY" in (caught.value.hint or "")


# --- tokens ------------------------------------------------------------------------------------------------


def test_an_expired_token_is_refreshed_and_its_refresh_token_works_once(tiktok: Publisher) -> None:
    step = tiktok.step(tiktok.file("cat.mp4"))
    tiktok.sandbox.advance(7300)
    with pytest.raises(AuthExpired):
        tiktok.prepare(step)
    old = tiktok.credentials
    tokens = tiktok.adapter.refresh(tiktok.account, old, APP, tiktok.http)
    assert tokens.expires_at is not None
    assert tokens.refresh_expires_at is not None
    tiktok.credentials = tokens.credentials
    tiktok.settle(tiktok.send(tiktok.prepare(step)))
    assert len(tiktok.posts) == 1
    with pytest.raises(AuthExpired):
        tiktok.adapter.refresh(tiktok.account, old, APP, tiktok.http)


def test_an_account_is_connected_by_consent(tiktok: Publisher) -> None:
    authorization = TikTok.declaration.authorization
    assert authorization is not None
    verifier, redirect_uri = "v" * 43, "http://127.0.0.1:9/callback"
    query = {
        authorization.client_parameter: CLIENT_ID,
        "response_type": "code",
        "scope": authorization.scope_separator.join(authorization.scopes),
        "redirect_uri": redirect_uri,
        "state": "s",
        "code_challenge": sha256(verifier.encode()).hexdigest(),
        "code_challenge_method": "S256",
    }
    base_url = tiktok.account.settings["base_url"]
    answer = httpx.get(f"{base_url}{urlsplit(authorization.authorize_url).path}", params=query)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    grant = Grant(code=code, redirect_uri=redirect_uri, code_verifier=verifier)
    (found,) = tiktok.adapter.connect_accounts(grant, APP, {"base_url": base_url}, tiktok.http)
    assert (found.external_id, found.handle) == (tiktok.account.external_id, "alice")
    assert set(found.scopes) == set(authorization.scopes)
    tiktok.credentials = found.tokens.credentials
    tiktok.settle(tiktok.send(tiktok.prepare(tiktok.step(tiktok.file("cat.jpg")))))
