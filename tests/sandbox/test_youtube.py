"""The documented answers: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol and
https://developers.google.com/youtube/v3/docs/errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import GIF, MP4, PNG

GRAIN = 262_144
UPLOAD = "/upload/youtube/v3/videos"
VIDEO: dict[str, Any] = {
    "snippet": {"title": "Launch", "description": "Notes", "tags": ["a", "b c"], "categoryId": "22"},
    "status": {"privacyStatus": "private", "selfDeclaredMadeForKids": False},
}


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    token = sandbox.account("youtube", "alice")["credentials"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=sandbox.url("youtube"), headers=headers) as client:
        yield client


def begin(
    client: httpx.Client, video: Any = VIDEO, *, size: int = len(MP4), **changes: Any
) -> httpx.Response:
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "X-Upload-Content-Type": "video/mp4",
        "X-Upload-Content-Length": str(size),
        **{name.replace("_", "-"): value for name, value in changes.items() if "_" in name},
    }
    query = {"uploadType": "resumable", "part": "snippet,status"}
    query |= {name: value for name, value in changes.items() if "_" not in name}
    return client.post(UPLOAD, params=query, json=video, headers=headers)


def put(uri: str, data: bytes, start: int, size: int, **headers: str) -> httpx.Response:
    place = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{size}", "Content-Type": "video/mp4"}
    return httpx.put(uri, content=data, headers={**place, **headers})


def ask(uri: str, size: int) -> httpx.Response:
    return httpx.put(uri, headers={"Content-Range": f"bytes */{size}"})


def reason(answer: httpx.Response) -> str:
    body = answer.json()["error"]
    assert body["code"] == answer.status_code
    return str(body["errors"][0]["reason"])


def upload(client: httpx.Client, title: str = "Launch") -> str:
    video = {**VIDEO, "snippet": {"title": title}}
    answer = put(begin(client, video).headers["location"], MP4, 0, len(MP4))
    return str(answer.json()["id"])


def test_upload__becomes_a_video_with_its_last_byte(sandbox: Sandbox, client: httpx.Client) -> None:
    data = MP4 + bytes(2 * GRAIN)
    size = len(data)
    uri = begin(client, size=size).headers["location"]
    assert uri.startswith(f"{sandbox.url('youtube')}{UPLOAD}?uploadType=resumable&upload_id=")
    asked = ask(uri, size)
    assert (asked.status_code, asked.headers.get("range")) == (308, None)
    first = put(uri, data[: 2 * GRAIN], 0, size)
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{2 * GRAIN - 1}")
    assert ask(uri, size).headers["range"] == f"bytes=0-{2 * GRAIN - 1}"
    assert sandbox.posts("youtube") == []
    video = put(uri, data[2 * GRAIN :], 2 * GRAIN, size).json()
    assert (video["kind"], video["status"]["uploadStatus"]) == ("youtube#video", "uploaded")
    assert [post["id"] for post in sandbox.posts("youtube")] == [video["id"]]
    assert ask(uri, size).json() == video  # and so on each time
    assert put(uri, data[2 * GRAIN :], 2 * GRAIN, size).json() == video
    assert len(sandbox.posts("youtube")) == 1


def test_upload__bytes_sent_twice_count_once(sandbox: Sandbox, client: httpx.Client) -> None:
    data = MP4 + bytes(2 * GRAIN)
    uri = begin(client, size=len(data)).headers["location"]
    for _ in range(2):
        assert put(uri, data[:GRAIN], 0, len(data)).headers["range"] == f"bytes=0-{GRAIN - 1}"
    assert put(uri, data, 0, len(data)).status_code == 200
    whole = begin(client, size=len(data)).headers["location"]
    put(whole, data, 0, len(data))
    once, twice = sandbox.posts("youtube")
    assert once["media"] == twice["media"]


@pytest.mark.parametrize(
    ("data", "start", "size", "headers"),
    [
        (bytes(GRAIN - 1), 0, 2 * GRAIN, {}),  # no multiple, and not the last
        (bytes(GRAIN), GRAIN, 2 * GRAIN, {}),  # a gap
        (bytes(GRAIN), 0, 3 * GRAIN, {}),  # of another file
        (bytes(GRAIN), 0, 2 * GRAIN, {"Content-Range": f"bytes 0-{GRAIN}/{2 * GRAIN}"}),
        (bytes(GRAIN), 0, 2 * GRAIN, {"Content-Range": f"0-{GRAIN - 1}/{2 * GRAIN}"}),
        (bytes(GRAIN), 0, 2 * GRAIN, {"Content-Range": f"bytes */{2 * GRAIN}"}),
        (bytes(GRAIN), 0, 2 * GRAIN, {"Content-Type": "video/webm"}),
        (bytes(2 * GRAIN), 0, 2 * GRAIN, {}),  # no film
    ],
)
def test_upload__a_wrong_piece_is_refused(
    sandbox: Sandbox, client: httpx.Client, data: bytes, start: int, size: int, headers: dict[str, str]
) -> None:
    uri = begin(client, size=2 * GRAIN).headers["location"]
    assert put(uri, data, start, size, **headers).status_code == 400
    assert sandbox.posts("youtube") == []


def test_upload__may_keep_less_than_was_sent(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.settings("youtube", keep_bytes=GRAIN)
    uri = begin(client, size=3 * GRAIN).headers["location"]
    assert put(uri, bytes(2 * GRAIN), 0, 3 * GRAIN).headers["range"] == f"bytes=0-{GRAIN - 1}"


def test_session__ends(sandbox: Sandbox, client: httpx.Client) -> None:
    open_one = begin(client).headers["location"]
    finished = begin(client).headers["location"]
    put(finished, MP4, 0, len(MP4))
    sandbox.settings("youtube", finished_seconds=0)
    assert [ask(uri, len(MP4)).status_code for uri in (open_one, finished)] == [308, 404]
    sandbox.advance(7 * 86_400)
    assert ask(open_one, len(MP4)).status_code == 404
    assert ask(open_one.replace("upload_id=", "upload_id=x"), len(MP4)).status_code == 404


def changed(**changes: Any) -> dict[str, Any]:
    """VIDEO with parts of its snippet, or its status, replaced."""
    status = {"privacyStatus", "publishAt", "selfDeclaredMadeForKids", "colour"}
    return {
        "snippet": {**VIDEO["snippet"], **{k: v for k, v in changes.items() if k not in status}},
        "status": {**VIDEO["status"], **{k: v for k, v in changes.items() if k in status}},
    }


@pytest.mark.parametrize(
    ("video", "why"),
    [
        (changed(title=""), "invalidTitle"),
        (changed(title="x" * 101), "invalidTitle"),
        (changed(title="<b>"), "invalidTitle"),
        (changed(title=None), "invalidTitle"),
        (changed(description="ü" * 2501), "invalidDescription"),
        (changed(description="a > b"), "invalidDescription"),
        (changed(tags="a,b"), "invalidTags"),
        (changed(tags=["x" * 250, "y" * 250]), "invalidTags"),
        (changed(tags=["x y", "z" * 495]), "invalidTags"),
        (changed(categoryId="Comedy"), "invalidCategoryId"),
        (changed(privacyStatus="friends"), "invalidVideoMetadata"),
        (changed(publishAt="2027-01-01T00:00:00Z", privacyStatus="public"), "invalidPublishAt"),
        (changed(publishAt="2027-01-01T00:00:00"), "invalidPublishAt"),
        (changed(selfDeclaredMadeForKids="yes"), "invalidVideoMetadata"),
        (changed(colour="red"), "badRequest"),
        (changed(colour_2="red"), "badRequest"),
        ({**VIDEO, "player": {}}, "badRequest"),
        ({"snippet": VIDEO["snippet"]}, "badRequest"),
    ],
)
def test_metadata__is_refused(client: httpx.Client, video: dict[str, Any], why: str) -> None:
    answer = begin(client, video)
    assert (answer.status_code, reason(answer)) == (400, why)


@pytest.mark.parametrize(
    "changes",
    [
        {"uploadType": "media"},
        {"part": "snippet"},
        {"notifySubscribers": "no"},
        {"autoLevels": "true"},
        {"Content_Type": "application/json"},
        {"X_Upload_Content_Type": "image/png"},
        {"X_Upload_Content_Length": "0"},
        {"X_Upload_Content_Length": str(256 * 2**30 + 1)},
    ],
)
def test_session__is_refused(client: httpx.Client, changes: dict[str, Any]) -> None:
    assert begin(client, **changes).status_code == 400


def test_session__needs_a_channel(sandbox: Sandbox) -> None:
    token = sandbox.account("youtube", "bob", channel=False)["credentials"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=sandbox.url("youtube"), headers=headers) as client:
        answer = begin(client)
        assert (answer.status_code, reason(answer)) == (401, "youtubeSignupRequired")
        found = client.get("/youtube/v3/channels", params={"part": "id", "mine": "true"}).json()
        assert found["items"] == []


def test_session__unaudited_projects_are_locked_to_private(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.settings("youtube", audited=False)
    answer = put(begin(client, changed(privacyStatus="public")).headers["location"], MP4, 0, len(MP4))
    assert answer.json()["status"]["privacyStatus"] == "private"


def test_quota__of_uploads_and_of_units(client: httpx.Client) -> None:
    assert {begin(client).status_code for _ in range(100)} == {200}
    spent = begin(client)
    assert (spent.status_code, reason(spent)) == (403, "quotaExceeded")
    assert spent.json()["error"]["errors"][0]["domain"] == "youtube.quota"
    assert client.get("/youtube/v3/channels", params={"part": "id", "mine": "true"}).status_code == 200


def test_thumbnail__belongs_to_an_own_video(sandbox: Sandbox, client: httpx.Client) -> None:
    video = upload(client)

    def set_thumbnail(data: bytes = PNG, kind: str = "image/png", video: str = video, **extra: str) -> int:
        return client.post(
            "/upload/youtube/v3/thumbnails/set",
            params={"videoId": video, **extra},
            content=data,
            headers={"Content-Type": kind},
        ).status_code

    assert set_thumbnail() == 200
    assert len(sandbox.posts("youtube")[0]["media"]) == 2
    assert set_thumbnail() == 200
    assert set_thumbnail(GIF, "image/gif") == 400
    assert set_thumbnail(kind="image/jpeg") == 400
    assert set_thumbnail(PNG + bytes(2 * 2**20)) == 413
    assert set_thumbnail(video="nothing") == 404
    assert set_thumbnail(part="snippet") == 400
    assert len(sandbox.posts("youtube")) == 1


def test_uploads__are_listed_newest_first_in_pages(sandbox: Sandbox, client: httpx.Client) -> None:
    ids = [upload(client, f"video {number}") for number in range(7)]
    channel = client.get("/youtube/v3/channels", params={"part": "contentDetails", "mine": "true"}).json()
    playlist = channel["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"]
    query = {"part": "snippet,contentDetails", "playlistId": playlist}
    first = client.get("/youtube/v3/playlistItems", params=query).json()
    rest = client.get(
        "/youtube/v3/playlistItems", params={**query, "pageToken": first["nextPageToken"]}
    ).json()
    items = [*first["items"], *rest["items"]]
    assert len(first["items"]) == 5
    assert "nextPageToken" not in rest
    assert [item["contentDetails"]["videoId"] for item in items] == ids[::-1]
    assert items[0]["snippet"]["title"] == "video 6"
    assert len(items[0]["snippet"]["publishedAt"]) == len("2026-09-01T08:00:00Z")
    for wrong in ({"maxResults": "51"}, {"part": "player"}, {"pageToken": "x"}, {"fields": "items"}):
        assert client.get("/youtube/v3/playlistItems", params={**query, **wrong}).status_code == 400
    other = client.get("/youtube/v3/playlistItems", params={**query, "playlistId": "UU"})
    assert (other.status_code, reason(other)) == (404, "playlistNotFound")


def test_video__is_processed_while_it_is_looked_at(sandbox: Sandbox, client: httpx.Client) -> None:
    video = upload(client)

    def look() -> Any:
        query = {"part": "status,statistics", "id": f"{video},nothing"}
        return client.get("/youtube/v3/videos", params=query).json()["items"]

    assert [item["status"]["uploadStatus"] for _ in range(2) for item in look()] == ["uploaded", "processed"]
    assert client.delete("/youtube/v3/videos", params={"id": video}).status_code == 204
    assert look() == []
    assert sandbox.posts("youtube") == []


def test_statistics__are_digits_that_grow_and_hide(sandbox: Sandbox, client: httpx.Client) -> None:
    query = {"part": "statistics", "id": upload(client)}

    def statistics() -> Any:
        return client.get("/youtube/v3/videos", params=query).json()["items"][0]["statistics"]

    assert statistics() == {"viewCount": "0", "likeCount": "0", "commentCount": "0", "favoriteCount": "0"}
    sandbox.advance(3000)
    assert int(statistics()["viewCount"]) > int(statistics()["likeCount"])
    sandbox.settings("youtube", counts_hidden=True)
    assert statistics() == {"favoriteCount": "0"}


def test_private_video__is_its_owners(sandbox: Sandbox, client: httpx.Client) -> None:
    video = upload(client)
    headers = {"Authorization": "Bearer sandbox-bob"}
    answer = httpx.get(
        f"{sandbox.url('youtube')}/youtube/v3/videos", params={"part": "status", "id": video}, headers=headers
    )
    assert answer.json()["items"] == []


def test_token__ends_after_an_hour_and_is_refreshed_again_and_again(sandbox: Sandbox) -> None:
    credentials = sandbox.account("youtube", "carol")["credentials"]
    base = sandbox.url("youtube")
    form = {name: credentials[name] for name in ("refresh_token", "client_id", "client_secret")}

    def channel(token: str) -> httpx.Response:
        return httpx.get(
            f"{base}/youtube/v3/channels",
            params={"part": "id", "mine": "true"},
            headers={"Authorization": f"Bearer {token}"},
        )

    assert channel(credentials["access_token"]).status_code == 200
    sandbox.advance(3599)
    assert reason(channel(credentials["access_token"])) == "authError"
    for _ in range(2):
        fresh = httpx.post(f"{base}/token", data={"grant_type": "refresh_token", **form}).json()
        assert set(fresh) == {"access_token", "expires_in", "scope", "token_type"}
        assert channel(fresh["access_token"]).status_code == 200
    assert reason(channel("wrong")) == "authError"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "wrong"}, 400, "invalid_grant"),
    ],
)
def test_token__is_refused(sandbox: Sandbox, changes: dict[str, str], status: int, error: str) -> None:
    refresh_token = sandbox.account("youtube", "carol")["credentials"]["refresh_token"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        **changes,
    }
    answer = httpx.post(f"{sandbox.url('youtube')}/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert httpx.post(f"{sandbox.url('youtube')}/token", json=form).json()["error"] == "invalid_request"


@pytest.mark.parametrize("offline", [True, False])
def test_consent__brings_a_refresh_token_only_for_offline_access(sandbox: Sandbox, offline: bool) -> None:
    base = sandbox.url("youtube")
    sandbox.account("youtube", "carol")
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "http://127.0.0.1:1/cb",
        "scope": "https://www.googleapis.com/auth/youtube.upload",
        "state": "s",
        "code_challenge": "iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ",
        "code_challenge_method": "S256",
    }
    if offline:
        query |= {"access_type": "offline", "prompt": "consent"}
    back = httpx.get(f"{base}/o/oauth2/v2/auth", params=query)
    code = httpx.URL(back.headers["location"]).params["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": query["redirect_uri"],
        "code_verifier": "verifier",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    tokens = httpx.post(f"{base}/token", data=form).json()
    assert ("refresh_token" in tokens) is offline
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = httpx.get(f"{base}/youtube/v3/channels", params={"part": "id", "mine": "true"}, headers=headers)
    assert (answer.status_code, reason(answer)) == (
        403,
        "insufficientPermissions",
    )  # the scope that was not granted
