"""The X adapter over real HTTP where it differs from the others: signatures, uploads, rotation, its timeline.

What every platform must do is in test_adapters_against_sandbox.py, which X runs through as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from socialcron.errors import AuthExpired, Duplicate, OutcomeUnknown, PlatformError, Rejected
from socialcron.model import Confirmed, Media, Poll, Ready, Saved, Step, Wait
from socialcron.platforms.base import App
from socialcron.platforms.http import Http
from socialcron.platforms.x import CHUNK_BYTES
from socialcron.sandbox import Sandbox
from tests.contract.test_adapters_against_sandbox import Publisher

MP4 = b"\0\0\0\x18ftypmp42"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture
def x(sandbox: Sandbox, http: Http) -> Publisher:
    return Publisher(sandbox, "x", http)


def use(x: Publisher, **options: Any) -> None:
    """Go on with other credentials of the same account."""
    x.credentials = x.sandbox.account("x", "alice", **options)["credentials"]
    x.app = App(client_id=x.credentials.get("client_id"), client_secret=x.credentials.get("client_secret"))


def file(tmp_path: Path, name: str, head: bytes, size: int = 100, **parts: Any) -> Media:
    path = tmp_path / name
    path.write_bytes(head + b"x" * (size - len(head)))
    kind = "video/mp4" if name.endswith("mp4") else "image/png"
    return Media(**{"source": name, "path": path, "mime_type": kind, "size_bytes": size, **parts})


# --- who asks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["token_secret", "client_secret"])
def test_a_wrong_secret_is_refused(x: Publisher, part: str) -> None:
    prepared = x.prepare("Hello")
    if part == "token_secret":
        x.credentials = {**x.credentials, "token_secret": "wrong"}
    else:
        x.app = replace(x.app, client_secret="wrong")
    session = x.session()
    with pytest.raises(AuthExpired):
        x.adapter.send_step(prepared, session)
    assert session.visible == "refused"
    assert x.posts == []


@pytest.mark.parametrize("confidential", [False, True])
def test_oauth2__an_expired_token_is_refused_refreshed_and_the_send_repeated(
    x: Publisher, confidential: bool
) -> None:
    use(x, auth="oauth2", confidential=confidential)
    prepared = x.prepare("Hello")
    x.sandbox.advance(7300)
    with pytest.raises(AuthExpired):
        x.send(prepared)
    spent = x.credentials
    x.refresh()
    x.send(prepared)
    assert len(x.posts) == 1
    assert x.credentials["refresh_token"] != spent["refresh_token"]
    x.credentials = spent
    with pytest.raises(AuthExpired, match="Value passed for the token was invalid"):
        x.refresh()


def test_oauth2__a_missing_scope_is_a_matter_for_a_person(x: Publisher) -> None:
    use(x, auth="oauth2", scopes="tweet.read users.read offline.access")
    prepared = x.prepare("Hello")
    with pytest.raises(PlatformError) as caught:
        x.send(prepared)
    assert isinstance(caught.value, AuthExpired | Rejected)
    assert not caught.value.retryable


# --- media -------------------------------------------------------------------------------------------------


def test_media__a_large_picture_goes_up_in_chunks_with_its_alt_text(x: Publisher, tmp_path: Path) -> None:
    picture = file(tmp_path, "cat.png", PNG, 3 * CHUNK_BYTES + 7, alt="a cat")
    prepared = x.prepare("", media=(picture,))
    assert "text" not in prepared.request
    x.lose(prepared, "accept_then_drop")
    [match] = x.adapter.reconcile(prepared, x.session()).matches
    assert match.remote_id == x.posts[0]["id"]
    assert x.posts[0]["media"] == prepared.request["media"]["media_ids"]


@pytest.mark.parametrize("saved", range(6))
def test_media__an_upload_goes_on_where_a_crash_left_it(x: Publisher, tmp_path: Path, saved: int) -> None:
    """Killed after each request before its handles were stored: initialize, two chunks, finalize, alt text, ready."""
    picture = file(tmp_path, "cat.png", PNG, CHUNK_BYTES + 7, alt="a cat")
    step = Step(number=0, kind="post", text="Hello", key="K", media=(picture,))
    for _ in range(saved):
        done = x.adapter.prepare(step, x.session())
        assert isinstance(done, Saved)
        step = replace(step, handles=done.handles)
    x.adapter.prepare(step, x.session())
    x.publish("Hello", media=(picture,), handles=step.handles)
    assert len(x.posts[0]["media"]) == 1


def test_media__an_upload_that_went_further_than_was_saved_begins_anew(x: Publisher, tmp_path: Path) -> None:
    picture = file(tmp_path, "cat.png", PNG)
    step = Step(number=0, kind="post", text="Hello", key="K", media=(picture,))
    first = x.adapter.prepare(step, x.session())
    assert isinstance(first, Saved)
    x.prepare("Hello", media=(picture,), handles=first.handles)  # all of it; nothing of it was stored
    prepared = x.prepare("Hello", media=(picture,), handles=first.handles)
    assert prepared.request["media"]["media_ids"] != [first.handles["media"][0]["id"]]
    x.send(prepared)


def test_media__a_video_is_waited_for(x: Publisher, tmp_path: Path) -> None:
    video = file(tmp_path, "cat.mp4", MP4)
    step = Step(number=0, kind="post", text="Hello", key="K", media=(video,))
    seen = []
    while not isinstance(done := x.adapter.prepare(step, x.session()), Ready):
        seen.append(type(done))
        step = replace(step, handles=done.handles)
    assert seen == [Saved, Saved, Wait, Wait, Saved]  # initialize, chunk, finalize, still at it, done
    x.publish("Hello", media=(video,))
    assert len(x.posts[0]["media"]) == 1


def test_media__an_unusable_video_is_refused_before_the_post(x: Publisher, tmp_path: Path) -> None:
    broken = file(tmp_path, "cat.mp4", MP4 + b"SANDBOX-UNPROCESSABLE")
    with pytest.raises(Rejected, match=r"could not process cat\.mp4: InvalidMedia"):
        x.prepare("Hello", media=(broken,))


# --- posts -------------------------------------------------------------------------------------------------


def test_a_poll_is_found_again_only_as_a_poll(x: Publisher) -> None:
    x.sandbox.settings("x", duplicate_seconds=0)
    x.publish("Which?")
    poll = x.prepare("Which?", poll=Poll(options=("red", "blue"), duration_seconds=300), seed=1)
    x.lose(poll, "drop_before")
    assert x.adapter.reconcile(poll, x.session()).matches == ()
    x.lose(poll, "accept_then_drop")
    assert [found.remote_id for found in x.adapter.reconcile(poll, x.session()).matches] == [
        x.posts[-1]["id"]
    ]


def test_the_same_text_again_is_a_duplicate(x: Publisher) -> None:
    x.publish("Hello")
    with pytest.raises(Duplicate):
        x.publish("Hello", seed=1)
    assert len(x.posts) == 1


def test_a_reply_to_nothing_is_refused(x: Publisher) -> None:
    with pytest.raises(Rejected):
        x.publish("Hi", number=1, kind="reply", parent=Confirmed(remote_id="1"))


def test_a_long_post_of_a_premium_account_is_found_again(x: Publisher) -> None:
    use(x, premium=True)
    x.account = replace(x.account, settings={**x.account.settings, "text_limit": "4000"})
    prepared = x.prepare("long <words> & more " * 100 + "https://a.example/path")
    x.lose(prepared, "reset")
    look = x.adapter.reconcile(prepared, x.session())
    assert (len(look.matches), look.complete) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        "<b>& \"quotes\" &amp; 'more'</b>",
        "two\n\nlines \t and  spaces",
        "ＦＵＬＬ width, ﬁ, é, cafe\u0301, 👨‍👩‍👧‍👦, العربية",
        "https://A.example/Path?q=ü&x=%20#part and example.com/x_(y).",
        "100% of @nobody and #tags, $CASH",
    ],
)
def test_whatever_the_text_its_lost_post_is_found(x: Publisher, text: str) -> None:
    prepared = x.prepare(text)
    x.lose(prepared, "half_answer")
    look = x.adapter.reconcile(prepared, x.session())
    assert (len(look.matches), look.complete) == (1, True)


# --- the timeline ------------------------------------------------------------------------------------------


def test_reconcile__pages_back_through_a_busy_account(x: Publisher) -> None:
    x.sandbox.settings("x", limited=False)
    x.publish("before", seed=255)
    prepared = x.prepare("Hello", seed=254)
    x.lose(prepared, "accept_then_drop")
    for number in range(110):
        x.send(replace(prepared, request={"text": f"another {number}"}))
    look = x.adapter.reconcile(prepared, x.session())
    assert [match.remote_id for match in look.matches] == [x.posts[1]["id"]]
    assert look.complete


def test_reconcile__a_listing_that_lags_shows_nothing_yet(x: Publisher) -> None:
    prepared = x.prepare("Hello")
    x.sandbox.fault("lagging_listing", platform="x", visible_only=True, count=1, looks=1)
    x.lose(prepared, "accept_then_drop")
    assert x.adapter.reconcile(prepared, x.session()).matches == ()
    assert len(x.adapter.reconcile(prepared, x.session()).matches) == 1


@pytest.mark.parametrize("kind", ["html", "empty_body", "truncated_json", "huge_body", "half_answer"])
def test_reconcile__a_broken_listing_is_no_absence(x: Publisher, kind: str) -> None:
    prepared = x.prepare("Hello")
    x.lose(prepared, "accept_then_drop")
    x.sandbox.fault(kind, platform="x", method="GET", path="/tweets")
    with pytest.raises(PlatformError) as caught:
        x.adapter.reconcile(prepared, x.session())
    assert caught.value.retryable
    assert not caught.value.outcome_unknown


def test_reconcile__another_accounts_token_proves_nothing(x: Publisher) -> None:
    prepared = x.prepare("Hello")
    x.lose(prepared, "accept_then_drop")
    x.credentials = x.sandbox.account("x", "bob")["credentials"]
    look = x.adapter.reconcile(prepared, x.session())
    assert (look.matches, look.complete) == ((), False)


def test_a_refresh_whose_answer_was_lost_costs_a_reconnect(x: Publisher) -> None:
    """The honest limit of single-use tokens: the first try may have spent it, and only the second says so."""
    use(x, auth="oauth2")
    x.sandbox.fault("accept_then_drop", platform="x", path="/oauth2/token", count=1)
    with pytest.raises(PlatformError) as caught:
        x.refresh()
    assert caught.value.retryable
    assert not isinstance(caught.value, OutcomeUnknown)
    with pytest.raises(AuthExpired):
        x.refresh()
