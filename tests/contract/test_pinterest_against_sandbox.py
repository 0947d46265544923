"""The Pinterest adapter over real HTTP: every kind of Pin, what is left after a kill, lost answers, tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from socialcron.errors import AuthExpired, Rejected
from socialcron.model import Media, Wait
from socialcron.platforms.base import Authorizing
from socialcron.platforms.http import Http
from socialcron.sandbox import Sandbox
from socialcron.sandbox.pinterest import FIRST_BOARD, POISON
from tests.contract.test_linkedin_against_sandbox import Publisher

PNG = b"\x89PNG\r\n\x1a\n"
MP4 = b"\0\0\0\x18ftypmp42"
REDIRECT = "http://127.0.0.1:9/"


@pytest.fixture
def pinterest(tmp_path: Path) -> Iterator[Publisher]:
    http = Http()
    with Sandbox.start(seed=1, media=tmp_path) as sandbox:
        publisher = Publisher(sandbox, http, "pinterest")
        publisher.set(board_id=str(FIRST_BOARD))
        yield publisher
    http.close()


def picture(tmp_path: Path, name: str = "cat.png", size: int = 100, **parts: Any) -> Media:
    path = tmp_path / name
    path.write_bytes((PNG + name.encode()).ljust(size, b"p"))
    return Media(**{"source": name, "path": path, "mime_type": "image/png", "size_bytes": size, **parts})


def video(tmp_path: Path, extra: bytes = b"") -> Media:
    path = tmp_path / "cat.mp4"
    path.write_bytes((MP4 + extra).ljust(300_000, b"v"))
    return Media(source="cat.mp4", path=path, mime_type="video/mp4", size_bytes=300_000)


# --- every kind of Pin -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 9, 10, 3 * 64 * 1024 - 1, 3 * 64 * 1024, 400_000])
def test_a_picture_goes_along_as_it_is_read(pinterest: Publisher, tmp_path: Path, size: int) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG.ljust(size, b"p"))
    media = Media(source="cat.png", path=path, mime_type="image/png", size_bytes=size, alt="a cat")
    prepared = pinterest.prepare('"data":"" is not a mark', media=(media,), link="https://a.example/")
    assert len(str(prepared.request)) < 300
    sent = pinterest.send(prepared)
    body = pinterest.body(sent)
    assert (body["description"], body["link"], body["alt_text"]) == (
        '"data":"" is not a mark',
        "https://a.example/",
        "a cat",
    )
    assert pinterest.posts[0]["media"] == [f"image/png, {size} bytes"]
    assert sent.url == f"https://www.pinterest.com/pin/{sent.remote_id}/"


def test_a_picture_with_an_address_is_fetched(pinterest: Publisher, tmp_path: Path) -> None:
    url = f"{pinterest.sandbox.media_url}/cat.png"
    pinterest.publish(media=(picture(tmp_path, url=url),), options={"title": "Cat"})
    assert pinterest.posts[0]["media"] == [url]


def test_a_picture_that_cannot_be_fetched_is_refused(pinterest: Publisher, tmp_path: Path) -> None:
    media = picture(tmp_path, url=f"{pinterest.sandbox.media_url}/other.png")
    with pytest.raises(Rejected, match="Unable to reach the URL"):
        pinterest.publish(media=(media,))


@pytest.mark.parametrize("by_address", [True, False])
def test_several_pictures(pinterest: Publisher, tmp_path: Path, by_address: bool) -> None:
    media = [picture(tmp_path, f"{number}.png", 100 + number) for number in range(3)]
    if by_address:
        at = pinterest.sandbox.media_url
        media = [picture(tmp_path, item.source, url=f"{at}/{item.source}") for item in media]
    sent = pinterest.publish(media=tuple(media))
    assert len(set(pinterest.posts[0]["media"])) == 3
    assert pinterest.body(sent)["media"] == {"media_type": "multiple_images"}


def test_a_video(pinterest: Publisher, tmp_path: Path) -> None:
    pinterest.publish(media=(video(tmp_path),), options={"cover_image_key_frame_time": 2})
    assert any(isinstance(call, Wait) for call in pinterest.calls)
    assert pinterest.posts[0]["media"] == [pinterest.calls[0].handles["video"]["media_id"]]


def test_a_video_that_cannot_be_processed_is_refused(pinterest: Publisher, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="could not process"):
        pinterest.prepare(media=(video(tmp_path, POISON),))


def test_a_board_of_others_is_refused(pinterest: Publisher, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="Board not found"):
        pinterest.publish(media=(picture(tmp_path),), options={"board_id": "1"})


# --- after a kill ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_an_upload_goes_on_from_every_handle(pinterest: Publisher, tmp_path: Path, calls: int) -> None:
    media = (video(tmp_path),)
    with pytest.raises(TimeoutError):
        pinterest.prepare(media=media, most_calls=calls)
    pinterest.send(pinterest.prepare(media=media, handles=pinterest.calls[-1].handles))
    assert pinterest.answers("POST /v5/media 201") == pinterest.answers("POST /media-upload/ 204") == 1


def test_a_step_done_but_not_saved_does_no_harm(pinterest: Publisher, tmp_path: Path) -> None:
    done = pinterest.prepare_all_twice(media=(video(tmp_path),))
    assert done.request["media_source"]["source_type"] == "video_id"
    assert pinterest.answers("POST /media-upload/ 204") == 1


def test_an_upload_address_that_is_over_begins_anew(pinterest: Publisher, tmp_path: Path) -> None:
    media = (video(tmp_path),)
    with pytest.raises(TimeoutError):
        pinterest.prepare(media=media, most_calls=1)
    pinterest.sandbox.advance(4000)
    pinterest.publish(media=media, handles=pinterest.calls[-1].handles)
    assert pinterest.answers("POST /media-upload/ 403") == 1


# --- what became of it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rearranged", [False, True])
@pytest.mark.parametrize("kind", ["accept_then_drop", "reset", "half_answer", "empty_body", "truncated_json"])
def test_a_lost_answer_is_found(pinterest: Publisher, tmp_path: Path, kind: str, rearranged: bool) -> None:
    media = (picture(tmp_path),)
    pinterest.sandbox.settings("pinterest", rearranged=rearranged)
    pinterest.publish("Something else", media=media)
    prepared = pinterest.prepare("Grüße\n\n👋 #tag", media=media, link="https://a.example/")
    pinterest.lose(prepared, kind)
    look = pinterest.look(prepared)
    assert [match.remote_id for match in look.matches] == [pinterest.posts[1]["id"]]
    assert look.complete


def test_a_lost_request_is_proven_absent(pinterest: Publisher, tmp_path: Path) -> None:
    prepared = pinterest.prepare(media=(picture(tmp_path),))
    pinterest.lose(prepared, "drop_before")
    look = pinterest.look(prepared)
    assert (look.matches, look.complete) == ((), True)
    pinterest.send(prepared)
    assert len(pinterest.posts) == 1


def test_a_full_board_is_read_to_its_end(pinterest: Publisher, tmp_path: Path) -> None:
    media = (picture(tmp_path),)
    prepared = pinterest.prepare(media=media)
    pinterest.lose(prepared, "accept_then_drop")
    for number in range(260):
        pinterest.publish(f"another {number}", media=media)
    assert [match.remote_id for match in pinterest.look(prepared).matches] == [pinterest.posts[0]["id"]]


def test_a_listing_that_lags_shows_nothing_yet(pinterest: Publisher, tmp_path: Path) -> None:
    prepared = pinterest.prepare(media=(picture(tmp_path),))
    pinterest.sandbox.fault("lagging_listing", platform="pinterest", visible_only=True, count=1, looks=1)
    pinterest.lose(prepared, "accept_then_drop")
    assert pinterest.look(prepared).matches == ()
    assert len(pinterest.look(prepared).matches) == 1


# --- tokens ------------------------------------------------------------------------------------------------


def test_refreshing_goes_on_without_end(pinterest: Publisher, tmp_path: Path) -> None:
    for _ in range(4):
        pinterest.sandbox.advance(45 * 86_400)
        with pytest.raises(AuthExpired):
            pinterest.adapter.identify(pinterest.session())
        renewed = pinterest.adapter.refresh(
            pinterest.account, pinterest.credentials, pinterest.app, pinterest.http
        )
        assert renewed.refresh_expires_at is not None
        assert 59 <= (renewed.refresh_expires_at - datetime.now(UTC)).days <= 60
        pinterest.credentials = renewed.credentials
        pinterest.publish(media=(picture(tmp_path),))
    pinterest.sandbox.advance(61 * 86_400)
    with pytest.raises(AuthExpired):
        pinterest.adapter.refresh(pinterest.account, pinterest.credentials, pinterest.app, pinterest.http)


def test_identify__names_the_account(pinterest: Publisher) -> None:
    assert pinterest.adapter.identify(pinterest.session()).external_id == pinterest.account.external_id


@pytest.mark.parametrize(("boards", "settings"), [(1, {"board_id": str(FIRST_BOARD)}), (2, {}), (0, {})])
def test_connecting__takes_the_only_board(
    pinterest: Publisher, boards: int, settings: dict[str, str]
) -> None:
    pinterest.sandbox.account("pinterest", "alice", boards=boards)
    adapter, given = cast(Authorizing, pinterest.adapter), {"base_url": pinterest.sandbox.url("pinterest")}
    grant = pinterest.consent(REDIRECT, "/oauth/")
    (found,) = adapter.connect_accounts(grant, pinterest.app, given, pinterest.http)
    assert (found.external_id, found.handle) == (pinterest.account.external_id, "alice")
    assert found.settings == settings
    assert "pins:write" in found.scopes
    pinterest.credentials = found.tokens.credentials
    pinterest.adapter.identify(pinterest.session())
    with pytest.raises(AuthExpired):  # codes work once
        adapter.connect_accounts(grant, pinterest.app, given, pinterest.http)
