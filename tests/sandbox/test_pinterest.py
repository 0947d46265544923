"""The documented answers: https://github.com/pinterest/api-description/blob/main/v5/openapi.json (5.23.0)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.pinterest import FIRST_BOARD, POISON
from tests.sandbox.conftest import GIF, MP4, PNG

BOARD = str(FIRST_BOARD)
BASE64 = {"content_type": "image/png", "data": b64encode(PNG).decode()}
IMAGE = {"source_type": "image_base64", **BASE64}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    (tmp_path / "cat.png").write_bytes(PNG)
    (tmp_path / "cat.gif").write_bytes(GIF)
    (tmp_path / "cat.mp4").write_bytes(MP4)
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    token = sandbox.account("pinterest", "alice", boards=2)["credentials"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=sandbox.url("pinterest"), headers=headers) as client:
        yield client


def pin(client: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"board_id": BOARD, "description": "hello", "media_source": IMAGE, **fields}
    return client.post("/v5/pins", json={key: value for key, value in body.items() if value is not None})


def register(client: httpx.Client) -> dict[str, Any]:
    body: dict[str, Any] = client.post("/v5/media", json={"media_type": "video"}).json()
    return body


def bring(media: dict[str, Any], data: bytes = MP4, **changes: Any) -> httpx.Response:
    form = {**media["upload_parameters"], **changes}
    return httpx.post(media["upload_url"], data=form, files={"file": ("a.mp4", data, "video/mp4")})


def status(client: httpx.Client, media: dict[str, Any]) -> str:
    return str(client.get(f"/v5/media/{media['media_id']}").json()["status"])


# --- Pins --------------------------------------------------------------------------------------------------


def test_pins__are_made_and_shown(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = pin(client, title="Cat", link="https://cafe.example/", alt_text="a cat")
    body = answer.json()
    assert answer.status_code == 201
    assert body["id"].isdigit()
    assert len(body["created_at"]) == len("2026-09-01T08:00:00")
    assert body["media"] == {"media_type": "image"}
    assert client.get(f"/v5/pins/{body['id']}").json() == body
    assert [post["text"] for post in sandbox.posts("pinterest")] == ["hello"]
    assert client.delete(f"/v5/pins/{body['id']}").status_code == 204
    assert client.get(f"/v5/pins/{body['id']}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"board_id": None}, 400),
        ({"board_id": "my-board"}, 400),
        ({"board_id": int(BOARD)}, 400),
        ({"board_id": "1"}, 404),
        ({"media_source": None}, 400),
        ({"note": "x"}, 400),
        ({"title": "x" * 100}, 201),
        ({"title": "x" * 101}, 400),
        ({"description": "x" * 800}, 201),
        ({"description": "x" * 801}, 400),
        ({"alt_text": "x" * 501}, 400),
        ({"link": "https://a.example/" + "x" * 2048}, 400),
        ({"link": "cafe.example"}, 400),
        ({"media_source": {"source_type": "audio"}}, 400),
        ({"media_source": {**IMAGE, "data": "!!!"}}, 400),
        ({"media_source": {**IMAGE, "data": b64encode(GIF).decode()}}, 400),
        ({"media_source": {**IMAGE, "content_type": "image/gif"}}, 400),
        ({"media_source": {**IMAGE, "content_type": "image/jpeg"}}, 400),
        ({"media_source": {"source_type": "image_base64"}}, 400),
        ({"media_source": {"source_type": "multiple_image_base64", "items": [BASE64] * 2}}, 201),
        ({"media_source": {"source_type": "multiple_image_base64", "items": [BASE64] * 5}}, 201),
        ({"media_source": {"source_type": "multiple_image_base64", "items": [BASE64]}}, 400),
        ({"media_source": {"source_type": "multiple_image_base64", "items": [BASE64] * 6}}, 400),
        ({"media_source": {"source_type": "multiple_image_base64", "items": [{}, {}]}}, 400),
        ({"media_source": {"source_type": "image_url"}}, 400),
        ({"media_source": {"source_type": "image_url", "url": "ftp://a.example/x"}}, 400),
        ({"media_source": {"source_type": "image_url", "url": "https://cdn.example/loaf.jpg"}}, 201),
    ],
)
def test_pins__are_judged(
    sandbox: Sandbox, client: httpx.Client, fields: dict[str, Any], status: int
) -> None:
    answer = pin(client, **fields)
    assert answer.status_code == status, answer.text
    assert len(sandbox.posts("pinterest")) == (status == 201)


@pytest.mark.parametrize(
    ("name", "status"), [("cat.png", 201), ("cat.gif", 201), ("cat.mp4", 400), ("dog.png", 400)]
)
def test_pins__images_are_fetched(sandbox: Sandbox, client: httpx.Client, name: str, status: int) -> None:
    url = f"{sandbox.media_url}/{name}"
    assert pin(client, media_source={"source_type": "image_url", "url": url}).status_code == status
    several = {"source_type": "multiple_image_urls", "items": [{"url": url}, {"url": url, "title": "x"}]}
    answer = pin(client, media_source=several)
    assert answer.status_code == status
    assert name != "dog.png" or "Unable to reach the URL" in answer.json()["message"]


def test_pins__a_body_must_be_json(client: httpx.Client) -> None:
    for content, kind in ((b"{", "application/json"), (b"{}", "text/plain")):
        answer = client.post("/v5/pins", content=content, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (400, 1)


def test_pins__tell_numbers_that_grow_and_hide(sandbox: Sandbox, client: httpx.Client) -> None:
    path = f"/v5/pins/{pin(client).json()['id']}"

    def metrics() -> Any:
        return client.get(path, params={"pin_metrics": "true"}).json()["pin_metrics"]

    assert "pin_metrics" not in client.get(path).json()
    assert not any(metrics()["lifetime_metrics"].values())
    sandbox.advance(3000)
    assert metrics()["lifetime_metrics"]["impression"] > metrics()["lifetime_metrics"]["reaction"]
    assert "reaction" not in metrics()["90d"]
    sandbox.settings("pinterest", counts_hidden=True)
    assert metrics() is None


# --- videos ------------------------------------------------------------------------------------------------


def test_videos__are_ready_at_the_second_look(sandbox: Sandbox, client: httpx.Client) -> None:
    media = register(client)
    source = {"source_type": "video_id", "media_id": media["media_id"], "cover_image_key_frame_time": 0}
    assert status(client, media) == "registered"
    assert pin(client, media_source=source).status_code == 400
    assert bring(media).status_code == 204
    assert [status(client, media) for _ in range(2)] == ["processing", "succeeded"]
    assert pin(client, media_source=source).json()["media"] == {"media_type": "video"}


@pytest.mark.parametrize(
    ("cover", "accepted"),
    [
        ({}, False),
        ({"cover_image_key_frame_time": -1}, False),
        ({"cover_image_key_frame_time": 1.5}, False),
        ({"cover_image_data": BASE64["data"]}, False),
        ({"cover_image_data": BASE64["data"], "cover_image_content_type": "image/png"}, True),
        ({"cover_image_url": "https://cdn.example/c.jpg"}, True),
        ({"cover_image_url": "nowhere"}, False),
        ({"cover": "x"}, False),
    ],
)
def test_videos__need_a_cover(client: httpx.Client, cover: dict[str, Any], accepted: bool) -> None:
    media = register(client)
    bring(media)
    status(client, media)
    status(client, media)
    source = {"source_type": "video_id", "media_id": media["media_id"], **cover}
    assert pin(client, media_source=source).status_code == (201 if accepted else 400)


@pytest.mark.parametrize("data", [PNG, MP4 + POISON])
def test_videos__may_fail(client: httpx.Client, data: bytes) -> None:
    media = register(client)
    bring(media, data)
    assert [status(client, media) for _ in range(2)] == ["processing", "failed"]


def test_storage__takes_the_signed_form_alone(sandbox: Sandbox, client: httpx.Client) -> None:
    media = register(client)
    url, form = media["upload_url"], media["upload_parameters"]
    file = {"file": ("a.mp4", MP4, "video/mp4")}
    assert bring(media, policy="other").status_code == 403
    assert bring(media, more="x").status_code == 403
    assert httpx.post(url, files=file).status_code == 403
    assert httpx.post(url, data=form).status_code == 412
    assert httpx.post(url, data=form, files={"video": file["file"]}).status_code == 400
    assert httpx.post(url, data=form, files=file, headers={"Authorization": "Bearer x"}).status_code == 400
    sandbox.advance(4000)
    late = bring(media)
    assert (late.status_code, late.headers["content-type"]) == (403, "application/xml")
    assert status(client, media) == "registered"


def test_media__is_for_its_account(sandbox: Sandbox, client: httpx.Client) -> None:
    media = register(client)
    client.headers["Authorization"] = "Bearer sandbox-bob"
    assert client.get(f"/v5/media/{media['media_id']}").status_code == 404
    assert client.post("/v5/media", json={"media_type": "audio"}).status_code == 400


# --- listings ----------------------------------------------------------------------------------------------


def test_listings__go_on_by_bookmark(sandbox: Sandbox, client: httpx.Client) -> None:
    ids = [pin(client, description=str(n), board_id=str(FIRST_BOARD + n % 2)).json()["id"] for n in range(5)]
    first = client.get("/v5/pins", params={"page_size": 3}).json()
    rest = client.get("/v5/pins", params={"page_size": 3, "bookmark": first["bookmark"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["bookmark"] is None
    on_board = client.get(f"/v5/boards/{BOARD}/pins").json()["items"]
    assert [item["id"] for item in on_board] == ids[::2][::-1]
    sandbox.settings("pinterest", rearranged=True)
    assert client.get(f"/v5/boards/{BOARD}/pins").json()["items"][0]["id"] == ids[0]
    assert client.get("/v5/boards/1/pins").json() == {"code": 40, "message": "Board not found."}
    assert client.get("/v5/pins", params={"page_size": 251}).status_code == 400
    assert client.get("/v5/pins", params={"page_size": "x"}).status_code == 400


def test_account__has_boards(client: httpx.Client) -> None:
    assert client.get("/v5/user_account").json()["username"] == "alice"
    boards = client.get("/v5/boards", params={"page_size": 250}).json()["items"]
    assert [board["id"] for board in boards] == [BOARD, str(FIRST_BOARD + 1)]


# --- tokens and limits -------------------------------------------------------------------------------------


def refresh(sandbox: Sandbox, token: str, *, secret: str = "sandbox-secret", **fields: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token, **fields}
    return httpx.post(
        f"{sandbox.url('pinterest')}/v5/oauth/token", data=form, auth=("sandbox-client", secret)
    )


def test_tokens__are_renewed_as_long_as_the_newest_is_kept(sandbox: Sandbox, client: httpx.Client) -> None:
    first = sandbox.account("pinterest", "alice")["credentials"]
    sandbox.advance(31 * 86_400)
    client.headers["Authorization"] = f"Bearer {first['access_token']}"
    assert client.get("/v5/user_account").json() == {"code": 2, "message": "Authentication failed."}
    renewed = refresh(sandbox, first["refresh_token"]).json()
    assert renewed["refresh_token_expires_in"] == 5_184_000
    client.headers["Authorization"] = f"Bearer {renewed['access_token']}"
    assert client.get("/v5/user_account").status_code == 200
    sandbox.advance(40 * 86_400)
    assert refresh(sandbox, first["refresh_token"]).status_code == 401
    assert refresh(sandbox, renewed["refresh_token"]).status_code == 200


def test_tokens__the_app_proves_itself_in_the_header(sandbox: Sandbox) -> None:
    token = sandbox.account("pinterest", "alice")["credentials"]["refresh_token"]
    assert refresh(sandbox, token, secret="wrong").status_code == 401
    assert refresh(sandbox, token, client_secret="sandbox-secret").status_code == 400
    assert refresh(sandbox, token, grant_type="password").status_code == 400


def test_scopes__are_checked(sandbox: Sandbox, client: httpx.Client) -> None:
    token = sandbox.account("pinterest", "bob", scopes="pins:read,pins:write")["credentials"]["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    answer = pin(client)
    assert (answer.status_code, answer.json()["code"]) == (403, 29)
    assert client.get("/v5/user_account").status_code == 403
    assert client.get("/v5/pins").status_code == 200


def test_limits__are_in_the_headers(sandbox: Sandbox, client: httpx.Client) -> None:
    headers = pin(client).headers
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("1000", "999")
    assert 0 < int(headers["x-ratelimit-reset"]) <= 60
    sandbox.fault("429", platform="pinterest", count=1, retry_after=30)
    answer = pin(client)
    assert (answer.status_code, answer.json()["code"]) == (429, 8)
    assert answer.headers["x-ratelimit-reset"] in ("29", "30")
