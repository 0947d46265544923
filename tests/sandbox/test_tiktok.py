"""The documented answers: https://developers.tiktok.com/doc/ (content-posting-api-*, tiktok-api-v2-*, oauth-*)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import MP4, PNG

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
JSON = {"Content-Type": "application/json; charset=UTF-8"}
CREATOR_INFO = "/v2/post/publish/creator_info/query/"
INIT_VIDEO = "/v2/post/publish/video/init/"
INIT_INBOX = "/v2/post/publish/inbox/video/init/"
INIT_PHOTOS = "/v2/post/publish/content/init/"
STATUS = "/v2/post/publish/status/fetch/"
TOKEN = "/v2/oauth/token/"
APP = {"client_key": CLIENT_ID, "client_secret": CLIENT_SECRET}
SELF = {"privacy_level": "SELF_ONLY"}
PUBLIC = {"privacy_level": "PUBLIC_TO_EVERYONE"}
MB = 10**6


class Client(httpx.Client):
    """One creator's app. `call` answers (status, error.code, data)."""

    def __init__(self, sandbox: Sandbox, **options: Any) -> None:
        self.sandbox = sandbox
        token = sandbox.account("tiktok", "alice", **options)["credentials"]["access_token"]
        super().__init__(base_url=sandbox.url("tiktok"), headers={"Authorization": f"Bearer {token}"})

    def call(self, path: str, body: Any = None, **params: str) -> tuple[int, str, dict[str, Any]]:
        answer = self.post(path, headers=JSON, params=params, **({} if body is None else {"json": body}))
        return answer.status_code, answer.json()["error"]["code"], answer.json()["data"]

    def begin(self, size: int = len(MP4), info: Any = SELF, **source: Any) -> dict[str, Any]:
        """An announced upload, in one chunk unless `source` says otherwise."""
        plan = {"video_size": size, "chunk_size": size, "total_chunk_count": 1, **source}
        body = {"post_info": info, "source_info": {"source": "FILE_UPLOAD", **plan}}
        status, code, data = self.call(INIT_VIDEO, body)
        assert (status, code) == (200, "ok")
        return data

    def chunk(
        self,
        begun: dict[str, Any],
        data: bytes,
        first: int = 0,
        total: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        parts = urlsplit(begun["upload_url"])
        assert parts.netloc == "open-upload.tiktokapis.com"
        last = first + len(data) - 1
        sent = {
            "Content-Type": "video/mp4",
            "Content-Range": f"bytes {first}-{last}/{total or len(data)}",
            **(headers or {}),
        }
        url = f"{self.sandbox.url('tiktok')}{parts.path}?{parts.query}"
        return httpx.put(url, content=data, headers={k: v for k, v in sent.items() if v})

    def publish(self, data: bytes = MP4, info: Any = SELF) -> str:
        begun = self.begin(len(data), info)
        assert self.chunk(begun, data).status_code == 201
        return str(begun["publish_id"])

    def status(self, publish_id: str) -> dict[str, Any]:
        status, code, data = self.call(STATUS, {"publish_id": publish_id})
        assert (status, code) == (200, "ok")
        return data

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.sandbox.posts("tiktok")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    for name, data in {"cat.mp4": MP4, "cat.jpg": JPEG, "cat.png": PNG, "cat.txt": b"text"}.items():
        (tmp_path / name).write_bytes(data)
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as client:
        yield client


def photos(*urls: str, info: Any = SELF, mode: str = "DIRECT_POST", **source: Any) -> dict[str, Any]:
    return {
        "media_type": "PHOTO",
        "post_mode": mode,
        "post_info": info,
        "source_info": {
            "source": "PULL_FROM_URL",
            "photo_cover_index": 0,
            "photo_images": list(urls),
            **source,
        },
    }


# --- who asks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong"])
def test_token__unknown_is_401(sandbox: Sandbox, token: str) -> None:
    headers = JSON | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = httpx.post(sandbox.url("tiktok") + CREATOR_INFO, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "access_token_invalid")


def test_token__without_the_scope_is_401(sandbox: Sandbox) -> None:
    with Client(sandbox, scopes="user.info.basic,video.upload") as client:
        assert client.call(CREATOR_INFO)[:2] == (401, "scope_not_authorized")
        assert client.call(INIT_PHOTOS, photos("https://a.example/1.jpg"))[:2] == (
            401,
            "scope_not_authorized",
        )
        drafts = photos("https://a.example/1.jpg", info={}, mode="MEDIA_UPLOAD")
        assert client.call(INIT_PHOTOS, drafts)[:2] == (200, "ok")


def trade(sandbox: Sandbox, **fields: str) -> tuple[int, dict[str, Any]]:
    answer = httpx.post(sandbox.url("tiktok") + TOKEN, data=APP | fields)
    return answer.status_code, answer.json()


def test_token__lives_two_hours_and_its_refresh_token_works_once(sandbox: Sandbox) -> None:
    credentials = sandbox.account("tiktok", "alice")["credentials"]

    def info(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        url = sandbox.url("tiktok") + "/v2/user/info/"
        return httpx.get(url, headers=headers, params={"fields": "open_id"}).status_code

    assert info(credentials["access_token"]) == 200
    sandbox.advance(7200)
    assert info(credentials["access_token"]) == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": credentials["refresh_token"]}
    status, fresh = trade(sandbox, **refresh)
    assert (status, fresh["expires_in"], fresh["refresh_expires_in"]) == (200, 7200, 15_552_000)
    assert info(fresh["access_token"]) == 200
    status, again = trade(sandbox, **refresh)
    assert (status, again["error"]) == (200, "invalid_grant")
    assert set(again) == {"error", "error_description", "log_id"}
    sandbox.advance(15_552_000)
    assert (
        trade(sandbox, **refresh | {"refresh_token": fresh["refresh_token"]})[1]["error"] == "invalid_grant"
    )


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
    ],
)
def test_token__is_refused_with_status_200(sandbox: Sandbox, fields: dict[str, str], error: str) -> None:
    status, body = trade(sandbox, **fields)
    assert (status, body["error"]) == (200, error)


def test_token__is_asked_for_by_a_form(sandbox: Sandbox) -> None:
    answer = httpx.post(sandbox.url("tiktok") + TOKEN, json=APP)
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(("verifier", "works"), [("v" * 43, True), ("w" * 43, False)])
def test_consent__takes_a_hexadecimal_challenge(sandbox: Sandbox, verifier: str, works: bool) -> None:
    account = sandbox.account("tiktok", "alice")
    redirect_uri = "http://127.0.0.1:9/"
    query = {
        "client_key": CLIENT_ID,
        "response_type": "code",
        "scope": "user.info.basic,video.publish",
        "redirect_uri": redirect_uri,
        "state": "s",
        "code_challenge": sha256(b"v" * 43).hexdigest(),
        "code_challenge_method": "S256",
    }
    answer = httpx.get(sandbox.url("tiktok") + "/v2/auth/authorize/", params=query)
    returned = parse_qs(urlsplit(answer.headers["location"]).query)
    _, body = trade(
        sandbox,
        grant_type="authorization_code",
        code=returned["code"][0],
        redirect_uri=redirect_uri,
        code_verifier=verifier,
    )
    if works:
        assert (body["open_id"], body["scope"]) == (account["external_id"], "user.info.basic,video.publish")
    else:
        assert body["error"] == "invalid_grant"


def test_revoke__ends_every_token(sandbox: Sandbox, client: Client) -> None:
    token = client.headers["authorization"].removeprefix("Bearer ")
    assert httpx.post(sandbox.url("tiktok") + "/v2/oauth/revoke/", data=APP | {"token": token}).json() == {}
    assert client.call(CREATOR_INFO)[0] == 401


def test_user_info__gives_the_fields_asked_for(sandbox: Sandbox, client: Client) -> None:
    user = client.get("/v2/user/info/", params={"fields": "open_id,display_name"}).json()["data"]["user"]
    assert user == {"open_id": sandbox.account("tiktok", "alice")["external_id"], "display_name": "Alice"}
    assert client.get("/v2/user/info/").status_code == 400


# --- what the creator may do -------------------------------------------------------------------------------


def test_creator_info__tells_what_is_allowed(client: Client) -> None:
    status, code, data = client.call(CREATOR_INFO)
    assert (status, code) == (200, "ok")
    assert data["creator_username"] == "alice"
    assert data["privacy_level_options"] == ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    assert data["max_video_post_duration_sec"] == 600
    assert client.call(CREATOR_INFO, {})[0] == 400


def test_creator_info__a_private_account_has_followers_instead_of_everybody(sandbox: Sandbox) -> None:
    with Client(sandbox, private=True) as client:
        assert client.call(CREATOR_INFO)[2]["privacy_level_options"][0] == "FOLLOWER_OF_CREATOR"


def test_creator_info__refuses_with_status_200_what_init_refuses_with_403(sandbox: Sandbox) -> None:
    sandbox.settings("tiktok", daily_posts=1)
    with Client(sandbox) as client:
        client.publish()
        assert client.call(CREATOR_INFO)[:2] == (200, "spam_risk_too_many_posts")
        body = photos("https://a.example/1.jpg")
        assert client.call(INIT_PHOTOS, body)[:2] == (403, "spam_risk_too_many_posts")
        sandbox.advance(86_400)
    with Client(sandbox, banned=True) as client:
        assert client.call(CREATOR_INFO)[:2] == (200, "spam_risk_user_banned_from_posting")
        assert client.call(INIT_PHOTOS, body)[:2] == (403, "spam_risk_user_banned_from_posting")


def test_init__an_unaudited_app_posts_privately_only(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings("tiktok", audited=False)
    url = f"{sandbox.media_url}/cat.jpg"
    refused = (403, "unaudited_client_can_only_post_to_private_accounts")
    assert client.call(INIT_PHOTOS, photos(url, info=PUBLIC))[:2] == refused
    assert client.call(INIT_PHOTOS, photos(url))[:2] == refused
    with Client(sandbox, private=True) as private:
        assert private.call(INIT_PHOTOS, photos(url))[:2] == (200, "ok")


# --- announcing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "status", "code"),
    [
        ({}, 400, "invalid_params"),
        ({"privacy_level": "FOLLOWER_OF_CREATOR"}, 403, "privacy_level_option_mismatch"),
        (SELF | {"title": "👋" * 1101}, 400, "invalid_params"),
        (SELF | {"title": 5}, 400, "invalid_params"),
        (SELF | {"disable_duet": "true"}, 400, "invalid_params"),
        (SELF | {"auto_add_music": True}, 400, "invalid_params"),
        (SELF | {"video_cover_timestamp_ms": -1}, 400, "invalid_params"),
        (SELF | {"video_cover_timestamp_ms": 600_001}, 400, "invalid_params"),
    ],
)
def test_init_video__refuses_other_info(client: Client, info: Any, status: int, code: str) -> None:
    source = {"source": "FILE_UPLOAD", "video_size": 52, "chunk_size": 52, "total_chunk_count": 1}
    assert client.call(INIT_VIDEO, {"post_info": info, "source_info": source})[:2] == (status, code)
    assert client.posts == []


@pytest.mark.parametrize(
    ("size", "chunk_size", "count", "fits"),
    [
        (4_194_304, 4_194_304, 1, True),
        (50_000_123, 10_000_000, 5, True),
        (1_000_000_001, 10_000_000, 100, True),
        (15 * MB, 10 * MB, 1, True),
        (64 * MB, 64 * MB, 1, True),
        (0, 0, 1, False),
        (50_000_123, 10_000_000, 6, False),
        (64 * MB + 1, 64 * MB + 1, 1, False),
        (20 * MB, 5 * MB, 4, False),  # 5 MB are not 5 MiB
        (20 * MB, 4 * MB, 5, False),
        (4 * MB, 2 * MB, 2, False),
        (4_000_000_001, 10_000_000, 400, False),
    ],
)
def test_init_video__refuses_other_plans(
    client: Client, size: int, chunk_size: int, count: int, fits: bool
) -> None:
    plan = {"video_size": size, "chunk_size": chunk_size, "total_chunk_count": count}
    body = {"source_info": {"source": "FILE_UPLOAD", **plan}}
    assert client.call(INIT_INBOX, body)[0] == (200 if fits else 400)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"source_info": {}},
        {"source_info": "FILE_UPLOAD"},
        {"source_info": {"source": "FILE_UPLOAD", "video_size": 9}},
        {"source_info": {"source": "PULL_FROM_URL", "video_url": "http://a.example/1.mp4"}},
        {"source_info": {"source": "PULL_FROM_URL", "video_url": "https://a.example/1.mp4", "video_size": 9}},
        {"source_info": {"source": "PULL_FROM_URL", "video_url": "https://a.example/1.mp4"}, "post_info": {}},
    ],
)
def test_init_inbox__refuses_other_bodies(client: Client, body: Any) -> None:
    assert client.call(INIT_INBOX, body)[:2] == (400, "invalid_params")


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=UTF-8"])
def test_init__wants_the_content_type_in_full(client: Client, kind: str) -> None:
    answer = client.post(INIT_PHOTOS, json=photos("https://a.example/1.jpg"), headers={"Content-Type": kind})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        photos(),
        photos(*["https://a.example/1.jpg"] * 36),
        photos("http://a.example/1.jpg"),
        photos("https://a.example/1.jpg", photo_cover_index=1),
        photos("https://a.example/1.jpg", source="FILE_UPLOAD"),
        photos("https://a.example/1.jpg", mode="DRAFT"),
        photos("https://a.example/1.jpg", info=SELF | {"title": "x" * 91}),
        photos("https://a.example/1.jpg", info=SELF | {"description": "x" * 4001}),
        photos("https://a.example/1.jpg", info=SELF | {"disable_duet": True}),
        photos("https://a.example/1.jpg", info=SELF, mode="MEDIA_UPLOAD"),
        photos("https://a.example/1.jpg") | {"media_type": "VIDEO"},
    ],
)
def test_init_photos__refuses_other_bodies(client: Client, body: Any) -> None:
    assert client.call(INIT_PHOTOS, body)[:2] == (400, "invalid_params")


def test_init__is_limited_to_six_a_minute_and_says_no_more_about_it(sandbox: Sandbox, client: Client) -> None:
    body = photos("https://a.example/1.jpg")
    assert {client.call(INIT_PHOTOS, body)[0] for _ in range(6)} == {200}
    answer = client.post(INIT_PHOTOS, json=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert not [name for name in answer.headers if "limit" in name or name == "retry-after"]
    sandbox.advance(60)
    assert client.call(INIT_PHOTOS, body)[0] == 200


def test_init_inbox__takes_five_drafts_a_day(sandbox: Sandbox, client: Client) -> None:
    body = {"source_info": {"source": "PULL_FROM_URL", "video_url": f"{sandbox.media_url}/cat.mp4"}}
    assert [client.call(INIT_INBOX, body)[0] for _ in range(5)] == [200] * 5
    assert client.call(INIT_INBOX, body)[:2] == (403, "spam_risk_too_many_pending_share")


def test_init__a_domain_must_be_verified(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings("tiktok", verified_prefix="https://cdn.example.com/")
    assert client.call(INIT_PHOTOS, photos("https://cdn.example.com/1.jpg"))[0] == 200
    assert client.call(INIT_PHOTOS, photos("https://a.example/1.jpg"))[:2] == (
        403,
        "url_ownership_unverified",
    )


# --- uploading ---------------------------------------------------------------------------------------------


def test_upload__goes_chunk_by_chunk_and_publishes_with_the_last(client: Client) -> None:
    data = MP4 + b"x" * (25 * MB - len(MP4))
    begun = client.begin(len(data), PUBLIC | {"title": "hi"}, chunk_size=10 * MB, total_chunk_count=2)
    first = client.chunk(begun, data[: 10 * MB], 0, len(data))
    assert (first.status_code, first.headers["content-range"]) == (206, "bytes 0-9999999/25000000")
    assert client.status(begun["publish_id"]) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 10 * MB}
    assert client.posts == []
    last = client.chunk(begun, data[10 * MB :], 10 * MB, len(data))
    assert (last.status_code, last.headers["content-range"]) == (201, "bytes 0-24999999/25000000")
    (post,) = client.posts
    assert (post["text"], post["key"], post["media"]) == (
        "hi",
        begun["publish_id"],
        [sha256(data).hexdigest()],
    )


def test_upload__out_of_order_is_416_and_says_where_to_go_on(client: Client) -> None:
    begun = client.begin(25 * MB, chunk_size=10 * MB, total_chunk_count=2)
    ahead = client.chunk(begun, b"x" * 15 * MB, 10 * MB, 25 * MB)
    assert (ahead.status_code, ahead.headers["content-range"]) == (416, "bytes */25000000")
    assert client.chunk(begun, MP4 + b"x" * (10 * MB - 52), 0, 25 * MB).status_code == 206
    again = client.chunk(begun, b"x" * 10 * MB, 0, 25 * MB)
    assert (again.status_code, again.headers["content-range"]) == (416, "bytes 0-9999999/25000000")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "image/jpeg"},
        {"Content-Range": ""},
        {"Content-Range": "bytes 0-50/52"},
        {"Content-Range": "bytes 0-51/53"},
        {"Content-Range": "0-51/52"},
        {"Authorization": "Bearer sandbox-alice"},
    ],
)
def test_upload__with_other_headers_is_400(client: Client, headers: dict[str, str]) -> None:
    assert client.chunk(client.begin(), MP4, headers=headers).status_code == 400
    assert client.posts == []


def test_upload__a_chunk_of_another_length_than_planned_is_400(client: Client) -> None:
    begun = client.begin(25 * MB, chunk_size=10 * MB, total_chunk_count=2)
    assert client.chunk(begun, b"x" * 6 * MB, 0, 25 * MB).status_code == 400


def test_upload__the_address_lives_an_hour(sandbox: Sandbox, client: Client) -> None:
    begun = client.begin()
    unknown = {"upload_url": begun["upload_url"].replace("upload_token=", "upload_token=x")}
    assert client.chunk(unknown, MP4).status_code == 404
    sandbox.advance(3601)
    assert client.chunk(begun, MP4).status_code == 403
    assert client.posts == []


# --- what becomes of it ------------------------------------------------------------------------------------


def test_status__tells_of_a_public_post_later_and_of_its_id_later_still(client: Client) -> None:
    publish_id = client.publish(info=PUBLIC)
    (post,) = client.posts
    said = [client.status(publish_id) for _ in range(4)]
    assert [one["status"] for one in said] == ["PROCESSING_UPLOAD", *["PUBLISH_COMPLETE"] * 3]
    assert [one.get("publicaly_available_post_id") for one in said] == [None, [], [], [int(post["id"])]]
    assert int(post["id"]) > 2**53


def test_status__of_a_post_that_is_not_public_never_has_an_id(client: Client) -> None:
    publish_id = client.publish()
    said = [client.status(publish_id) for _ in range(6)][-1]
    assert (said["status"], said["publicaly_available_post_id"]) == ("PUBLISH_COMPLETE", [])
    assert client.posts[0]["id"] == publish_id


def test_status__of_a_draft_ends_in_the_inbox(sandbox: Sandbox, client: Client) -> None:
    source = {"source": "PULL_FROM_URL", "video_url": f"{sandbox.media_url}/cat.mp4"}
    publish_id = client.call(INIT_INBOX, {"source_info": source})[2]["publish_id"]
    assert client.status(publish_id) == {"status": "PROCESSING_DOWNLOAD"}
    assert client.status(publish_id) == {"status": "SEND_TO_USER_INBOX"}
    assert client.posts[0]["id"] == publish_id


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("cat.png", "file_format_check_failed"),
        ("cat.txt", "file_format_check_failed"),
        ("dog.jpg", "photo_pull_failed"),
    ],
)
def test_status__photos_that_cannot_be_used_fail_later(
    sandbox: Sandbox, client: Client, file: str, reason: str
) -> None:
    urls = f"{sandbox.media_url}/cat.jpg", f"{sandbox.media_url}/{file}"
    status, _, data = client.call(INIT_PHOTOS, photos(*urls))
    assert status == 200
    said = [client.status(data["publish_id"]) for _ in range(2)][-1]
    assert (said["status"], said["fail_reason"]) == ("FAILED", reason)
    assert client.posts == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [(PNG, "file_format_check_failed"), (MP4 + b"SANDBOX-FAIL-internal", "internal")],
)
def test_status__a_video_may_fail_its_check(client: Client, data: bytes, reason: str) -> None:
    publish_id = client.publish(data)
    said = [client.status(publish_id) for _ in range(2)][-1]
    assert (said["status"], said["fail_reason"]) == ("FAILED", reason)
    assert client.posts == []


def test_status__is_the_owners(sandbox: Sandbox, client: Client) -> None:
    publish_id = client.publish()
    assert client.call(STATUS, {"publish_id": "x"})[:2] == (400, "invalid_publish_id")
    answer = httpx.post(
        sandbox.url("tiktok") + STATUS,
        json={"publish_id": publish_id},
        headers=JSON | {"Authorization": "Bearer sandbox-bob"},
    )
    assert answer.json()["error"]["code"] == "token_not_authorized_for_specified_publish_id"


def test_cancel__ends_what_has_not_arrived(client: Client) -> None:
    begun = client.begin()
    path = "/v2/post/publish/cancel/"
    assert client.call(path, {"publish_id": begun["publish_id"]})[:2] == (200, "ok")
    assert client.status(begun["publish_id"])["fail_reason"] == "publish_cancelled"
    assert client.chunk(begun, MP4).status_code == 404
    assert client.call(path, {"publish_id": client.publish()})[:2] == (400, "publish_not_cancellable")


# --- the list of public videos -----------------------------------------------------------------------------


def listed(client: Client, **body: int) -> tuple[list[str], dict[str, Any]]:
    _, _, data = client.call("/v2/video/list/", body, fields="id,create_time,video_description")
    return [video["video_description"] for video in data["videos"]], data


def test_list__pages_newest_first_through_public_posts(sandbox: Sandbox, client: Client) -> None:
    for number in range(3):
        client.publish(info=PUBLIC | {"title": str(number)})
        sandbox.advance(1)
    client.publish(info=SELF)
    texts, page = listed(client, max_count=2)
    assert (texts, page["has_more"]) == (["2", "1"], True)
    texts, page = listed(client, max_count=2, cursor=page["cursor"])
    assert (texts, page["has_more"]) == (["0"], False)


@pytest.mark.parametrize(
    ("body", "fields"),
    [({"max_count": 21}, "id"), ({"max_count": 0}, "id"), ({"cursor": "x"}, "id"), ({}, ""), ({}, "saves")],
)
def test_list__refuses_other_questions(client: Client, body: Any, fields: str) -> None:
    assert client.call("/v2/video/list/", body, fields=fields)[:2] == (400, "invalid_params")


def test_query__leaves_out_what_it_does_not_know(client: Client) -> None:
    client.publish(info=PUBLIC)
    ids = [client.posts[0]["id"], "7512"]
    _, _, data = client.call("/v2/video/query/", {"filters": {"video_ids": ids}}, fields="id,view_count")
    assert data["videos"] == [{"id": ids[0], "view_count": 0}]
    assert client.call("/v2/video/query/", {"filters": {"video_ids": ["1"] * 21}}, fields="id")[0] == 400


def test_query__tells_numbers_that_grow_and_hide(sandbox: Sandbox, client: Client) -> None:
    client.publish(info=PUBLIC)
    names = ("view_count", "like_count", "comment_count", "share_count")
    asked = {"filters": {"video_ids": [client.posts[0]["id"]]}}

    def numbers() -> dict[str, int]:
        _, _, data = client.call("/v2/video/query/", asked, fields=",".join(names))
        found: dict[str, int] = data["videos"][0]
        return found

    assert numbers() == dict.fromkeys(names, 0)
    sandbox.advance(3000)
    assert numbers()["view_count"] > numbers()["like_count"]
    sandbox.settings("tiktok", counts_hidden=True)
    assert numbers() == {}


def test_faults__find_the_account_of_an_unsigned_upload(sandbox: Sandbox, client: Client) -> None:
    begun = client.begin()
    sandbox.fault("5xx", platform="tiktok", account="alice", method="PUT", visible_only=True, count=1)
    assert client.chunk(begun, MP4).status_code == 503
    sandbox.fault("expired_token", platform="tiktok", account="alice", method="PUT", count=1)
    assert client.chunk(begun, MP4).status_code == 201  # it carries no token that could end
    assert len(client.posts) == 1
