"""The documented answers: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/ (posts-api,
little-text-format, images-api, videos-api) and /linkedin/shared/ (error handling, authentication)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.linkedin import POISON, read_little
from tests.sandbox.conftest import GIF, MP4, PNG

HEADERS = {"LinkedIn-Version": "202609", "X-Restli-Protocol-Version": "2.0.0"}
FINDER = {"X-RestLi-Method": "FINDER"}
SIZE = 100_000


class Client:
    """One author with its token."""

    def __init__(self, sandbox: Sandbox, **options: Any) -> None:
        made = sandbox.account("linkedin", "alice", **options)
        self.credentials, self.author, self.sandbox = made["credentials"], made["external_id"], sandbox
        headers = {**HEADERS, "Authorization": f"Bearer {self.credentials['access_token']}"}
        self.http = httpx.Client(base_url=sandbox.url("linkedin"), headers=headers)

    def post(self, text: str = "hello", **changes: Any) -> httpx.Response:
        """`changes` with the value None are left out."""
        body = {
            "author": self.author,
            "commentary": text,
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
            **changes,
        }
        return self.http.post(
            "/rest/posts", json={key: value for key, value in body.items() if value is not None}
        )

    def image(self, data: bytes = PNG) -> str:
        request = {"initializeUploadRequest": {"owner": self.author}}
        value = self.http.post("/rest/images?action=initializeUpload", json=request).json()["value"]
        assert self.http.put(value["uploadUrl"], content=data).status_code == 201
        return str(value["image"])

    def announce(self, size: int = SIZE) -> dict[str, Any]:
        request = {
            "initializeUploadRequest": {"owner": self.author, "fileSizeBytes": size, "uploadCaptions": False}
        }
        answer = self.http.post("/rest/videos?action=initializeUpload", json=request)
        value: dict[str, Any] = answer.json()["value"]
        return value

    def send_parts(self, value: dict[str, Any], data: bytes) -> list[str]:
        etags = []
        for part in value["uploadInstructions"]:
            piece = data[part["firstByte"] : part["lastByte"] + 1]
            answer = httpx.put(part["uploadUrl"], content=piece)
            assert answer.status_code == 200
            etags.append(answer.headers["etag"].strip('"'))
        return etags

    def finalize(self, video: str, etags: list[str], token: str = "") -> httpx.Response:
        request = {"video": video, "uploadToken": token, "uploadedPartIds": etags}
        return self.http.post("/rest/videos?action=finalizeUpload", json={"finalizeUploadRequest": request})

    def status(self, urn: str) -> httpx.Response:
        kind = urn.split(":")[2]
        return self.http.get(f"/rest/{kind}s/{quote(urn, safe='')}")

    def find(self, query: str | None = None, **headers: str) -> httpx.Response:
        query = query or f"author={quote(self.author, safe='')}&q=author&count=10&sortBy=LAST_MODIFIED"
        return self.http.get(f"/rest/posts?{query}", headers=headers or FINDER)


@pytest.fixture
def member(sandbox: Sandbox) -> Iterator[Client]:
    client = Client(sandbox)
    with client.http:
        yield client


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[Client]:
    client = Client(sandbox, organization=True)
    with client.http:
        yield client


def code(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


# --- little text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commentary", "text", "served"),
    [
        ("plain 👋", "plain 👋", "plain 👋"),
        ("v1 \\(finally\\)", "v1 (finally)", "v1 \\(finally\\)"),
        ("v1 (finally)", "v1 ", "v1 "),
        ("a_b", "a", "a"),
        ("\\\\ \\# \\_", "\\ # _", "\\\\ \\# \\_"),
        ("back\\slash", "back", "back"),
        ("the end\\", "the end", "the end"),
        ("a #release!", "a #release!", "a {hashtag|\\#|release}!"),
        ("a {hashtag|\\#|release}!", "a #release!", "a {hashtag|\\#|release}!"),
        ("a # b", "a ", "a "),
        (
            "@[Acme](urn:li:organization:1) hi",
            "@[Acme](urn:li:organization:1) hi",
            "@[Acme](urn:li:organization:1) hi",
        ),
        (
            "@[A \\(b\\)](urn:li:organization:1)",
            "@[A (b)](urn:li:organization:1)",
            "@[A \\(b\\)](urn:li:organization:1)",
        ),
        ("hi @[A (b)](urn:li:organization:1)", "hi ", "hi "),
        ("hi @[Acme](https://a.example)", "hi ", "hi "),
    ],
)
def test_little_text__is_cut_off_at_what_is_not_escaped(commentary: str, text: str, served: str) -> None:
    assert read_little(commentary) == (text, served)


def test_posts__a_text_cut_off_is_a_success(sandbox: Sandbox, member: Client) -> None:
    answer = member.post("We shipped v1 (finally)")
    assert answer.status_code == 201
    assert [post["text"] for post in sandbox.posts("linkedin")] == ["We shipped v1 "]


# --- posts -------------------------------------------------------------------------------------------------


def test_posts__the_id_is_in_the_header_alone(sandbox: Sandbox, member: Client) -> None:
    answer = member.post()
    assert (answer.status_code, answer.content) == (201, b"")
    urn = answer.headers["x-restli-id"]
    assert urn.startswith("urn:li:share:7")
    assert [post["id"] for post in sandbox.posts("linkedin")] == [urn]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"author": None}, (422, "UNPROCESSABLE_ENTITY")),
        ({"visibility": None}, (422, "UNPROCESSABLE_ENTITY")),
        ({"distribution": None}, (422, "UNPROCESSABLE_ENTITY")),
        ({"lifecycleState": None}, (422, "UNPROCESSABLE_ENTITY")),
        ({"commentary": None}, (422, "UNPROCESSABLE_ENTITY")),
        ({"commentary": ""}, (422, "UNPROCESSABLE_ENTITY")),
        ({"commentary": 5}, (422, "UNPROCESSABLE_ENTITY")),
        ({"commentary": "x" * 3001}, (400, "FIELD_LENGTH_TOO_LONG")),
        ({"words": "x"}, (422, "UNPROCESSABLE_ENTITY")),
        ({"visibility": "FRIENDS"}, (422, "UNPROCESSABLE_ENTITY")),
        ({"lifecycleState": "DRAFT"}, (422, "UNPROCESSABLE_ENTITY")),
        ({"distribution": {"feedDistribution": "NONE"}}, (422, "UNPROCESSABLE_ENTITY")),
        ({"distribution": {"feedDistribution": "MAIN_FEED", "x": 1}}, (422, "UNPROCESSABLE_ENTITY")),
        ({"isReshareDisabledByAuthor": "no"}, (422, "UNPROCESSABLE_ENTITY")),
        ({"author": "urn:li:organization:1"}, (403, "ACCESS_DENIED")),
        ({"content": {}}, (422, "UNPROCESSABLE_ENTITY")),
        ({"content": {"poll": {}}}, (422, "UNPROCESSABLE_ENTITY")),
        ({"content": {"article": {"source": "https://a.example"}}}, (422, "UNPROCESSABLE_ENTITY")),
        ({"content": {"article": {"source": "a.example", "title": "a"}}}, (400, "ILLEGAL_ARGUMENT")),
        ({"content": {"media": {"id": "urn:li:image:1"}}}, (400, "INVALID_CONTENT_OWNERSHIP")),
        ({"content": {"multiImage": {"images": []}}}, (400, "ILLEGAL_ARGUMENT")),
    ],
)
def test_posts__are_refused(
    sandbox: Sandbox, member: Client, changes: Any, expected: tuple[int, str]
) -> None:
    assert code(member.post(**changes)) == expected
    assert sandbox.posts("linkedin") == []


def test_posts__a_body_must_be_json(member: Client) -> None:
    for content, kind in ((b"{", "application/json"), (b"{}", "text/plain"), (b"[]", "application/json")):
        answer = member.http.post("/rest/posts", content=content, headers={"Content-Type": kind})
        assert code(answer) == (400, "ILLEGAL_ARGUMENT")


def test_posts__the_same_again_is_a_duplicate_even_of_a_deleted_one(sandbox: Sandbox, member: Client) -> None:
    urn = member.post().headers["x-restli-id"]
    for _ in range(2):
        answer = member.post()
        assert answer.status_code == 422
        assert answer.json()["message"] == f"Content is a duplicate of {urn}"
        assert answer.json()["errorDetails"]["inputErrors"][0]["code"] == "DUPLICATE_POST"
        member.http.delete(f"/rest/posts/{quote(urn, safe='')}")
    assert sandbox.posts("linkedin") == []
    assert member.post("hello!").status_code == 201
    sandbox.settings("linkedin", duplicate_seconds=0)
    assert member.post().status_code == 201


def test_posts__media_have_to_be_there(sandbox: Sandbox, page: Client) -> None:
    one, other = page.image(), page.image(GIF)
    single = {"media": {"id": one, "altText": "a"}}
    several = {"multiImage": {"images": [{"id": one, "altText": "a"}, {"id": other}]}}
    assert page.post("", content=single).status_code == 201
    assert page.post("", content=several).status_code == 201
    assert [post["media"] for post in sandbox.posts("linkedin")] == [[one], [one, other]]
    for change in ({"altText": "x" * 4087}, {"x": 1}):
        assert page.post("b", content={"media": {"id": one, **change}}).status_code in (400, 422)
    video = page.announce()["video"]
    assert code(page.post(content={"media": {"id": video}})) == (400, "MEDIA_ASSET_WAITING_UPLOAD")
    mixed = {"multiImage": {"images": [{"id": one}, {"id": video}]}}
    assert code(page.post(content=mixed)) == (400, "ILLEGAL_ARGUMENT")
    bad = page.image(b"no image")
    assert code(page.post(content={"media": {"id": bad}})) == (400, "MEDIA_ASSET_PROCESSING_FAILED")


def test_posts__media_belong_to_their_owner(sandbox: Sandbox, page: Client) -> None:
    image = page.image()
    bob = sandbox.account("linkedin", "bob")
    page.http.headers["Authorization"] = f"Bearer {bob['credentials']['access_token']}"
    answer = page.post(author=bob["external_id"], content={"media": {"id": image}})
    assert code(answer) == (400, "INVALID_CONTENT_OWNERSHIP")


# --- media -------------------------------------------------------------------------------------------------


def test_images__pages_may_ask_about_them(page: Client) -> None:
    assert page.status(page.image()).json()["status"] == "AVAILABLE"
    assert page.status(page.image(b"x")).json()["status"] == "PROCESSING_FAILED"
    assert page.status("urn:li:image:none").status_code == 404


def test_images__members_may_not_ask(member: Client) -> None:
    assert code(member.status(member.image())) == (403, "ACCESS_DENIED")


def test_images__upload_addresses_end(sandbox: Sandbox, member: Client) -> None:
    request = {"initializeUploadRequest": {"owner": member.author}}
    value = member.http.post("/rest/images?action=initializeUpload", json=request).json()["value"]
    sandbox.advance(90_000)
    assert code(httpx.put(value["uploadUrl"], content=PNG)) == (400, "EXPIRED_UPLOAD_URL")
    wrong = {"Authorization": "Bearer x"}
    assert httpx.put(value["uploadUrl"], content=PNG, headers=wrong).status_code == 401
    assert httpx.put(f"{sandbox.url('linkedin')}/dms-uploads/1/0", content=PNG).status_code == 404


def test_images__are_announced_for_oneself(member: Client) -> None:
    for request, status in (
        ({"owner": "urn:li:person:x"}, 403),
        ({"owner": member.author, "x": 1}, 422),
        ({}, 422),
    ):
        answer = member.http.post(
            "/rest/images?action=initializeUpload", json={"initializeUploadRequest": request}
        )
        assert answer.status_code == status
    assert member.http.post("/rest/images?action=upload", json={}).status_code == 400


def test_videos__arrive_in_parts_and_take_two_looks(sandbox: Sandbox, member: Client) -> None:
    sandbox.settings("linkedin", part_bytes=40_000)
    value = member.announce()
    ranges = [(part["firstByte"], part["lastByte"]) for part in value["uploadInstructions"]]
    assert ranges == [(0, 39_999), (40_000, 79_999), (80_000, 99_999)]
    etags = member.send_parts(value, MP4.ljust(SIZE, b"x"))
    urn = value["video"]
    assert member.status(urn).json()["status"] == "WAITING_UPLOAD"
    assert member.finalize(urn, etags).status_code == 200
    assert member.finalize(urn, etags).status_code == 400
    assert [member.status(urn).json()["status"] for _ in range(2)] == ["PROCESSING", "AVAILABLE"]
    assert member.post(content={"media": {"id": urn, "title": "Cat"}}).status_code == 201


def test_videos__the_etags_must_be_those_of_all_parts_in_order(sandbox: Sandbox, member: Client) -> None:
    sandbox.settings("linkedin", part_bytes=60_000)
    value = member.announce()
    etags = member.send_parts(value, MP4.ljust(SIZE, b"x"))
    for wrong in (etags[:1], etags[::-1], [f'"{etag}"' for etag in etags]):
        assert member.finalize(value["video"], wrong).status_code == 400
    assert member.finalize(value["video"], etags, token="x").status_code == 400
    assert member.finalize("urn:li:video:none", etags).status_code == 404


def test_videos__a_part_has_its_length(member: Client) -> None:
    value = member.announce()
    assert httpx.put(value["uploadInstructions"][0]["uploadUrl"], content=b"x").status_code == 400


@pytest.mark.parametrize("size", [74_999, 500_000_001, "100000"])
def test_videos__have_a_size(member: Client, size: Any) -> None:
    request = {"initializeUploadRequest": {"owner": member.author, "fileSizeBytes": size}}
    assert member.http.post("/rest/videos?action=initializeUpload", json=request).status_code == 400


@pytest.mark.parametrize("data", [b"no video", MP4 + POISON])
def test_videos__may_fail(member: Client, data: bytes) -> None:
    value = member.announce()
    member.finalize(value["video"], member.send_parts(value, data.ljust(SIZE, b"x")))
    body = member.status(value["video"]).json()
    assert body["status"] == "PROCESSING_FAILED"
    assert body["processingFailureReason"]


# --- finding -----------------------------------------------------------------------------------------------


def test_find__lists_newest_first(page: Client) -> None:
    urns = [page.post(f"number {number} #x").headers["x-restli-id"] for number in range(12)]
    first = page.find().json()["elements"]
    assert [post["id"] for post in first] == urns[:1:-1]
    assert first[0]["commentary"] == "number 11 {hashtag|\\#|x}"
    assert first[0]["createdAt"] == first[0]["lastModifiedAt"] > 1_700_000_000_000
    rest = page.find(f"author={quote(page.author, safe='')}&q=author&start=10").json()["elements"]
    assert [post["id"] for post in rest] == urns[1::-1]
    assert page.http.get(f"/rest/posts/{quote(urns[0], safe='')}").json()["id"] == urns[0]


def test_find__is_particular_about_its_query(page: Client) -> None:
    author = quote(page.author, safe="")
    assert page.find(f"q=author&author={author}").status_code == 400
    assert page.find(f"author={page.author}&q=author").status_code == 400
    assert page.find(f"author={author}&q=author&page=2").status_code == 400
    assert page.find(f"author={author}&q=author&start=x").status_code == 400
    assert page.find(None, **{"X-RestLi-Method": "GET"}).status_code == 400
    assert page.find(f"author={quote('urn:li:organization:1', safe='')}&q=author").status_code == 403
    assert page.http.get(f"/rest/posts/{page.author}").status_code == 400  # not encoded


def test_find__members_cannot(member: Client) -> None:
    assert code(member.find()) == (403, "ACCESS_DENIED")


# --- statistics --------------------------------------------------------------------------------------------


def page_query(page: Client, *urns: str) -> str:
    asked = ",".join(quote(urn, safe="") for urn in urns)
    author = quote(page.author, safe="")
    return f"q=organizationalEntity&organizationalEntity={author}&shares=List({asked})"


def test_share_statistics__grow_and_hide_and_leave_out_what_is_gone(sandbox: Sandbox, page: Client) -> None:
    first, second = (str(page.post(text).headers["x-restli-id"]) for text in ("one", "two"))

    def ask() -> dict[str, Any]:
        answer = page.http.get(f"/rest/organizationalEntityShareStatistics?{page_query(page, first, second)}")
        return {element["share"]: element["totalShareStatistics"] for element in answer.json()["elements"]}

    assert set(ask()) == {first, second}
    assert not any(ask()[first].values())
    sandbox.advance(3000)
    assert ask()[first]["impressionCount"] > ask()[first]["likeCount"]
    sandbox.delete_post("linkedin", second)
    assert set(ask()) == {first}
    sandbox.settings("linkedin", counts_hidden=True)
    assert ask() == {first: {}}


def test_share_statistics__refuse_what_is_encoded_otherwise_or_somebody_elses(
    sandbox: Sandbox, page: Client
) -> None:
    urn = str(page.post().headers["x-restli-id"])
    path, right = "/rest/organizationalEntityShareStatistics", page_query(page, urn)
    assert page.http.get(f"{path}?{right}").status_code == 200
    for wrong in (
        right.replace("(", "%28").replace(")", "%29"),
        right.replace("%3A", ":"),
        right.partition("&shares")[0],
    ):
        assert page.http.get(f"{path}?{wrong}").status_code == 400
    bob = sandbox.account("linkedin", "bob", organization=True)
    headers = {"Authorization": f"Bearer {bob['credentials']['access_token']}"}
    other = right.replace(quote(page.author, safe=""), quote(bob["external_id"], safe=""))
    for query in (right, other):
        assert code(page.http.get(f"{path}?{query}", headers=headers)) == (403, "ACCESS_DENIED")


def test_post_analytics__tell_one_number_at_a_time(sandbox: Sandbox, member: Client) -> None:
    urn = str(member.post().headers["x-restli-id"])

    def ask(kind: str, **headers: str) -> httpx.Response:
        query = f"q=entity&entity=(share:{quote(urn, safe='')})&queryType={kind}&aggregation=TOTAL"
        return member.http.get(f"/rest/memberCreatorPostAnalytics?{query}", headers=headers)

    assert ask("IMPRESSION").json()["elements"] == []  # which is zero
    sandbox.advance(3000)
    assert ask("IMPRESSION").json()["elements"][0]["count"] > 0
    assert ask("POST_SAVE").status_code == 200
    old = {"LinkedIn-Version": "202603"}
    assert [ask(kind, **old).status_code for kind in ("POST_SAVE", "COMMENT")] == [400, 200]
    assert ask("LIKES").status_code == 400
    sandbox.delete_post("linkedin", urn)
    assert ask("COMMENT").status_code == 404


def test_post_analytics__are_closed_to_most_apps(sandbox: Sandbox) -> None:
    client = Client(sandbox, scopes="openid profile w_member_social")
    urn = quote(str(client.post().headers["x-restli-id"]), safe="")
    query = f"q=entity&entity=(share:{urn})&queryType=IMPRESSION&aggregation=TOTAL"
    assert code(client.http.get(f"/rest/memberCreatorPostAnalytics?{query}")) == (403, "ACCESS_DENIED")


# --- versions, tokens, limits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"LinkedIn-Version": "202507"}, (426, "NONEXISTENT_VERSION")),
        ({"LinkedIn-Version": "203001"}, (426, "NONEXISTENT_VERSION")),
        ({"LinkedIn-Version": ""}, (400, "ILLEGAL_ARGUMENT")),
        ({"X-Restli-Protocol-Version": "1.0.0"}, (400, "ILLEGAL_ARGUMENT")),
        ({"Authorization": ""}, (401, "EMPTY_ACCESS_TOKEN")),
        ({"Authorization": "Bearer x"}, (401, "REVOKED_ACCESS_TOKEN")),
    ],
)
def test_headers__are_checked(member: Client, headers: dict[str, str], expected: tuple[int, str]) -> None:
    member.http.headers.update(headers)
    assert code(member.post()) == expected


def test_scopes__are_checked(sandbox: Sandbox) -> None:
    client = Client(sandbox, scopes="openid")
    assert code(client.post()) == (403, "ACCESS_DENIED")
    assert client.http.get("/v2/userinfo").json()["sub"] == client.author.rpartition(":")[2]
    client = Client(sandbox, scopes="w_member_social")
    assert client.http.get("/v2/userinfo").status_code == 403


def test_tokens__last_sixty_days_and_a_year(sandbox: Sandbox) -> None:
    client = Client(sandbox, refresh=True)
    sandbox.advance(61 * 86_400)
    assert code(client.post()) == (401, "EXPIRED_ACCESS_TOKEN")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": client.credentials["refresh_token"],
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    body = client.http.post("/oauth/v2/accessToken", data=form).json()
    assert body["refresh_token"] == form["refresh_token"]
    assert 303 * 86_400 < body["refresh_token_expires_in"] <= 304 * 86_400
    client.http.headers["Authorization"] = f"Bearer {body['access_token']}"
    assert client.post().status_code == 201
    wrong = client.http.post("/oauth/v2/accessToken", data={**form, "client_secret": "x"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    sandbox.advance(305 * 86_400)
    over = client.http.post("/oauth/v2/accessToken", data=form)
    assert (over.status_code, over.json()["error"]) == (400, "invalid_request")


def test_tokens__come_without_a_refresh_token_for_most_apps(member: Client) -> None:
    assert "refresh_token" not in member.credentials


def test_limits__are_told_by_refusing_alone(sandbox: Sandbox, member: Client) -> None:
    assert not any("limit" in name for name in member.post().headers)
    sandbox.fault("429", platform="linkedin", count=1)
    assert code(member.post("x")) == (429, "TOO_MANY_REQUESTS")


def test_a_token_named_after_a_handle_is_taken(sandbox: Sandbox, member: Client) -> None:
    member.http.headers["Authorization"] = "Bearer sandbox-alice"
    assert member.post().status_code == 201
    assert sandbox.posts("linkedin", "alice")
