"""The documented answers: lexicons com.atproto.{server,repo,identity} and app.bsky.feed, and the reference PDS."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.bluesky import tid
from tests.sandbox.conftest import MP4, PNG

COLLECTION = "app.bsky.feed.post"
RKEY = "3mbfvv7intpe3"


class Api:
    """A session of one account."""

    def __init__(self, sandbox: Sandbox, handle: str) -> None:
        self.client = httpx.Client(base_url=sandbox.url("bluesky") + "/xrpc/")
        credentials = sandbox.account("bluesky", handle)["credentials"]
        self.session = self.client.post("com.atproto.server.createSession", json=credentials).json()
        self.did = self.session["did"]
        self.use(self.session["accessJwt"])

    def use(self, token: str) -> None:
        self.client.headers["Authorization"] = f"Bearer {token}"

    def call(self, name: str, document: Any = None, **params: Any) -> httpx.Response:
        if document is None:
            return self.client.get(name, params=params)
        return self.client.post(name, json=document)

    def refresh(self, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.post("com.atproto.server.refreshSession", headers=headers)

    def create(self, text: str = "hello", *, rkey: str | None = RKEY, **record: Any) -> httpx.Response:
        return self.call("com.atproto.repo.createRecord", self.input(text, rkey=rkey, **record))

    def input(self, text: str = "hello", *, rkey: str | None = RKEY, **record: Any) -> dict[str, Any]:
        content = {"$type": COLLECTION, "text": text, "createdAt": "2026-01-02T03:04:05.678Z"} | record
        document = {"repo": self.did, "collection": COLLECTION, "record": content}
        return document if rkey is None else document | {"rkey": rkey}

    def get(self, rkey: str = RKEY) -> httpx.Response:
        return self.call("com.atproto.repo.getRecord", repo=self.did, collection=COLLECTION, rkey=rkey)

    def upload(self, data: bytes = PNG, kind: str = "image/png") -> Any:
        headers = {"Content-Type": kind}
        return self.client.post("com.atproto.repo.uploadBlob", content=data, headers=headers).json()["blob"]


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    api = Api(sandbox, "alice.bsky.social")
    yield api
    api.client.close()


def refused(answer: httpx.Response, error: str = "InvalidRequest", status: int = 400) -> str:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    return str(answer.json()["message"])


def test_session__has_tokens_with_their_end_and_names_the_pds(sandbox: Sandbox, api: Api) -> None:
    claims = api.session["accessJwt"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (claims["sub"], claims["exp"] - claims["iat"]) == (api.did, 7200)
    assert api.session["didDoc"]["service"][0]["serviceEndpoint"] == sandbox.url("bluesky")
    assert api.call("com.atproto.server.getSession").json()["handle"] == "alice.bsky.social"


def test_session__needs_the_password(api: Api) -> None:
    wrong = {"identifier": "alice.bsky.social", "password": "guess"}
    assert refused(api.call("com.atproto.server.createSession", wrong), "AuthenticationRequired", 401)
    assert refused(api.call("com.atproto.server.createSession", {"identifier": "x"}))


def test_session__is_made_for_any_handle_with_a_sandbox_password(api: Api) -> None:
    document = {"identifier": "bob.example", "password": "sandbox-1"}
    assert api.call("com.atproto.server.createSession", document).json()["handle"] == "bob.example"
    refused(
        api.call("com.atproto.server.createSession", document | {"password": "sandbox-2"}),
        "AuthenticationRequired",
        401,
    )


def test_session__is_limited_to_thirty_in_five_minutes(sandbox: Sandbox) -> None:
    credentials = sandbox.account("bluesky", "bob.example")["credentials"]
    url = sandbox.url("bluesky") + "/xrpc/com.atproto.server.createSession"
    with httpx.Client() as client:
        assert {client.post(url, json=credentials).status_code for _ in range(30)} == {200}
        blocked = client.post(url, json=credentials)
    assert refused(blocked, "RateLimitExceeded", 429)
    assert blocked.headers["RateLimit-Policy"] == "30;w=300"
    assert 0 < int(blocked.headers["Retry-After"]) <= 300


def test_access_token__ends_after_two_hours_with_400(sandbox: Sandbox, api: Api) -> None:
    sandbox.advance(7201)
    assert refused(api.create(), "ExpiredToken") == "Token has expired"
    api.use(api.refresh(api.session["refreshJwt"]).json()["accessJwt"])
    assert api.create().status_code == 200


def test_access_token__is_ended_by_a_fault(sandbox: Sandbox, api: Api) -> None:
    sandbox.fault("expired_token", platform="bluesky", count=1)
    refused(api.create(), "ExpiredToken")
    refused(api.create(), "ExpiredToken")
    assert sandbox.posts("bluesky") == []


def test_refresh__works_again_within_the_grace_time_and_not_after(sandbox: Sandbox, api: Api) -> None:
    old = api.session["refreshJwt"]
    first = api.refresh(old).json()["refreshJwt"]
    sandbox.advance(60)
    second = api.refresh(old).json()["refreshJwt"]
    sandbox.advance(7200)
    assert refused(api.refresh(old), "ExpiredToken") == "Token has been revoked"
    assert api.refresh(first).status_code == 200
    sandbox.advance(7200)
    # Both carry the same successor id: one being used ends the other too.
    assert refused(api.refresh(second), "ExpiredToken") == "Token has been revoked"


def test_refresh__refuses_a_body_and_the_wrong_token(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.session['refreshJwt']}"}
    refused(api.client.post("com.atproto.server.refreshSession", json={}, headers=headers))
    refused(api.refresh(api.session["accessJwt"]), "InvalidToken")
    refused(api.refresh("nonsense"), "InvalidToken")
    api.use(api.session["refreshJwt"])
    refused(api.create(), "InvalidToken")


def test_missing_token__is_401(api: Api) -> None:
    del api.client.headers["Authorization"]
    refused(api.create(), "AuthMissing", 401)


def test_record__is_written_under_its_rkey(sandbox: Sandbox, api: Api) -> None:
    answer = api.create("héllo", langs=["en"], tags=["a"])
    body = answer.json()
    assert body["uri"] == f"at://{api.did}/{COLLECTION}/{RKEY}"
    assert (body["validationStatus"], set(body["commit"])) == ("valid", {"cid", "rev"})
    assert answer.headers["RateLimit-Remaining"] == "4997"
    assert api.get().json() == {
        "uri": body["uri"],
        "cid": body["cid"],
        "value": api.input("héllo", langs=["en"], tags=["a"])["record"],
    }
    assert sandbox.posts("bluesky")[0]["key"] == RKEY


def test_record__gets_an_rkey_if_it_brings_none(api: Api) -> None:
    first, second = (api.create(rkey=None).json()["uri"].rpartition("/")[2] for _ in range(2))
    assert len(first) == 13
    assert first < second


def test_record__that_exists_is_500_and_stays_as_it_was(sandbox: Sandbox, api: Api) -> None:
    api.create("one")
    assert refused(api.create("two"), "InternalServerError", 500) == "Internal Server Error"
    assert [item["text"] for item in sandbox.posts("bluesky")] == ["one"]


def test_put__of_the_same_record_is_no_commit_and_of_another_an_edit(sandbox: Sandbox, api: Api) -> None:
    made = api.create("one").json()
    same = api.call("com.atproto.repo.putRecord", api.input("one")).json()
    assert (same["uri"], same["cid"], "commit" in same) == (made["uri"], made["cid"], False)
    edited = api.call("com.atproto.repo.putRecord", api.input("two")).json()
    assert edited["cid"] != made["cid"]
    assert "commit" in edited
    assert [item["text"] for item in sandbox.posts("bluesky")] == ["two"]


def test_put__of_a_missing_record_creates_it(sandbox: Sandbox, api: Api) -> None:
    assert "commit" in api.call("com.atproto.repo.putRecord", api.input()).json()
    assert len(sandbox.posts("bluesky")) == 1


def test_missing_record__is_400(api: Api) -> None:
    refused(api.get(), "RecordNotFound")
    api.create()
    document = {"repo": api.did, "collection": COLLECTION, "rkey": RKEY}
    for _ in range(2):
        assert api.call("com.atproto.repo.deleteRecord", document).status_code == 200
    refused(api.get(), "RecordNotFound")


def test_tid__of_the_sheets_vectors() -> None:
    assert tid(1767323045678901, 321) == RKEY
    assert tid(0, 0) == "2222222222222"


@pytest.mark.parametrize("rkey", ["", "self", "zzzzzzzzzzzzz", "3mbfvv7intpe31", "3mbfvv7intp1"])
def test_rkey__must_be_a_tid(api: Api, rkey: str) -> None:
    refused(api.create(rkey=rkey))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("x" * 300, True),
        ("x" * 301, False),
        ("👩‍👩‍👧‍👦" * 120, True),
        ("👩‍👩‍👧‍👦" * 121, False),
        ("é" * 300, True),
    ],
)
def test_text__is_measured_in_graphemes_and_bytes(api: Api, text: str, fits: bool) -> None:
    assert api.create(text).status_code == (200 if fits else 400)


@pytest.mark.parametrize(
    "record",
    [
        {"text": None},
        {"createdAt": "yesterday"},
        {"createdAt": "2026-01-02T03:04:05"},
        {"createdAt": "2026-13-02T03:04:05Z"},
        {"langs": ["a", "b", "c", "d"]},
        {"tags": ["a"] * 9},
        {"$type": "app.bsky.feed.like"},
        {"reply": {"root": {"uri": "at://x", "cid": "y"}}},
        {"embed": {"$type": "app.bsky.embed.mystery"}},
        {"embed": {"$type": "app.bsky.embed.images", "images": []}},
        {
            "embed": {
                "$type": "app.bsky.embed.external",
                "external": {"uri": "https://a.example", "title": ""},
            }
        },
    ],
)
def test_record__is_refused(sandbox: Sandbox, api: Api, record: dict[str, Any]) -> None:
    refused(
        api.call("com.atproto.repo.createRecord", api.input() | {"record": api.input()["record"] | record})
    )
    assert sandbox.posts("bluesky") == []


def test_record__of_somebody_else_or_of_wrong_type_is_refused(sandbox: Sandbox, api: Api) -> None:
    other = Api(sandbox, "bob.example")
    refused(api.call("com.atproto.repo.createRecord", other.input()), "AuthenticationRequired", 401)
    answer = api.client.post(
        "com.atproto.repo.createRecord", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    assert "Wrong request encoding" in refused(answer)


def facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    kind = next(iter(feature))
    name = {"uri": "link", "did": "mention", "tag": "tag"}[kind]
    return {
        "index": {"byteStart": start, "byteEnd": end},
        "features": [{"$type": f"app.bsky.richtext.facet#{name}"} | feature],
    }


TEXT = "héllo 👋 see https://example.com/a?b=c #tag by @alice.example.com"
FACETS = [
    facet(16, 41, uri="https://example.com/a?b=c"),
    facet(42, 46, tag="tag"),
    facet(50, 68, did="did:plc:abc"),
]


def test_facets__of_the_sheets_vector_pass(api: Api) -> None:
    assert api.create(TEXT, facets=FACETS).status_code == 200


@pytest.mark.parametrize(
    "facets",
    [
        [facet(50, 69, tag="tag")],
        [facet(5, 5, tag="tag")],
        [facet(-1, 5, tag="tag")],
        [facet(0, 10, tag="tag"), facet(9, 12, tag="tag")],
        [facet(0, 1, tag="x" * 65)],
        [facet(0, 1, uri="no address")],
        [facet(0, 1, did="alice.example.com")],
        [{"index": {"byteStart": 0, "byteEnd": 1}, "features": []}],
        [{"features": []}],
    ],
)
def test_facets__are_refused(api: Api, facets: list[dict[str, Any]]) -> None:
    refused(api.create(TEXT, facets=facets))


def test_reply__needs_records_that_exist(sandbox: Sandbox, api: Api) -> None:
    made = api.create("one").json()
    reference = {"uri": made["uri"], "cid": made["cid"]}
    second = "3mbfvv7intpe4"
    for broken in ({"cid": "bafyother"}, {"uri": made["uri"][:-1] + "7"}):
        refused(api.create("two", rkey=second, reply={"root": reference, "parent": reference | broken}))
    assert api.create("two", rkey=second, reply={"root": reference, "parent": reference}).status_code == 200
    assert sandbox.posts("bluesky")[1]["reply_to"] == made["uri"]


def images(*blobs: Any, **image: Any) -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.images",
        "images": [{"alt": "", "image": blob} | image for blob in blobs],
    }


def test_images__are_embedded(sandbox: Sandbox, api: Api) -> None:
    blob = api.upload()
    assert (blob["mimeType"], blob["size"]) == ("image/png", len(PNG))
    assert api.create("", embed=images(blob, blob, blob, blob)).status_code == 200
    assert sandbox.posts("bluesky")[0]["media"] == [blob["ref"]["$link"]]


def test_images__are_at_most_four_and_have_an_alt_text(api: Api) -> None:
    blob = api.upload()
    refused(api.create(embed=images(*[blob] * 5)))
    refused(api.create(embed=images(blob, alt=None)))
    refused(api.create(embed={"$type": "app.bsky.embed.images", "images": [{"image": blob}]}))


def test_blob__is_checked_when_the_record_is_written(api: Api) -> None:
    blob = api.upload()
    unknown = {"ref": {"$link": "bafkreiunknown"}}
    refused(api.create(embed=images(blob | unknown)), "BlobNotFound")
    refused(api.create(embed=images(blob | {"mimeType": "image/jpeg"})), "InvalidMimeType")
    refused(api.create(embed=images(blob | {"size": 1})), "InvalidSize")
    refused(api.create(embed=images(api.upload(MP4, "video/mp4"))), "InvalidMimeType")
    refused(api.create(embed=images(api.upload(PNG + bytes(2_000_000)))), "BlobTooLarge")
    refused(api.create(embed=images("blob")))


def test_blob__without_a_record_is_dropped_after_minutes(sandbox: Sandbox, api: Api) -> None:
    kept, dropped = api.upload(), api.upload(PNG + b"other")
    api.create("", embed=images(kept))
    sandbox.advance(600)
    refused(api.create(rkey="3mbfvv7intpe4", embed=images(dropped)), "BlobNotFound")
    assert api.create(rkey="3mbfvv7intpe4", embed=images(kept)).status_code == 200


def test_blob__of_another_account_is_unknown(sandbox: Sandbox, api: Api) -> None:
    refused(Api(sandbox, "bob.example").create(embed=images(api.upload())), "BlobNotFound")


def test_link_card__has_a_thumb_of_one_megabyte_at_most(api: Api) -> None:
    def card(blob: Any) -> dict[str, Any]:
        external = {"uri": "https://a.example", "title": "a", "description": "", "thumb": blob}
        return {"$type": "app.bsky.embed.external", "external": external}

    refused(api.create(embed=card(api.upload(PNG + bytes(1_000_000)))), "BlobTooLarge")
    assert api.create(embed=card(api.upload())).status_code == 200


def test_upload__needs_a_content_type(api: Api) -> None:
    refused(api.client.post("com.atproto.repo.uploadBlob", content=PNG))


def test_records__are_listed_newest_first(api: Api) -> None:
    rkeys = [tid(1767323045678901 + n, 0) for n in range(5)]
    for rkey in rkeys:
        api.create(rkey=rkey)

    def listed(**params: Any) -> tuple[list[str], str]:
        body = api.call("com.atproto.repo.listRecords", repo=api.did, collection=COLLECTION, **params).json()
        return [item["uri"].rpartition("/")[2] for item in body["records"]], body["cursor"]

    page, cursor = listed(limit=2)
    assert page == rkeys[:2:-1]
    assert listed(limit=2, cursor=cursor)[0] == rkeys[2:0:-1]
    assert listed(reverse="true")[0] == rkeys
    refused(api.call("com.atproto.repo.listRecords", repo=api.did, collection=COLLECTION, limit=101))


def test_appview__lags_and_the_pds_does_not(sandbox: Sandbox, api: Api) -> None:
    sandbox.fault("lagging_listing", seconds=30)
    uri = api.create().json()["uri"]
    assert api.get().status_code == 200
    assert api.call("app.bsky.feed.getPosts", uris=[uri]).json() == {"posts": []}
    assert api.call("app.bsky.feed.getAuthorFeed", actor=api.did).json()["feed"] == []
    sandbox.advance(30)
    assert [
        post["uri"] for post in api.call("app.bsky.feed.getPosts", uris=[uri, "at://x"]).json()["posts"]
    ] == [uri]
    assert len(api.call("app.bsky.feed.getAuthorFeed", actor=api.did).json()["feed"]) == 1


def test_handle__is_resolved(api: Api) -> None:
    name = "com.atproto.identity.resolveHandle"
    assert api.call(name, handle="alice.bsky.social").json() == {"did": api.did}
    refused(api.call(name, handle="nobody.example"))


def test_server__describes_itself(api: Api) -> None:
    assert api.call("com.atproto.server.describeServer").json()["blobUploadLimit"] == 52_428_800


def test_writes__cost_points(sandbox: Sandbox, api: Api) -> None:
    for _ in range(1666):
        api.call("com.atproto.repo.createRecord", {})
    refused(api.create(), "RateLimitExceeded", 429)
    sandbox.advance(3600)
    api.use(api.refresh(api.session["refreshJwt"]).json()["accessJwt"])
    assert api.create().status_code == 200


def test_counts__grow_with_the_post_and_can_be_hidden(sandbox: Sandbox, api: Api) -> None:
    uri = api.create().json()["uri"]

    def read() -> dict[str, int]:
        [view] = api.call("app.bsky.feed.getPosts", uris=[uri]).json()["posts"]
        return {name: value for name, value in view.items() if name.endswith("Count")}

    assert list(read().values()) == [0] * 5
    sandbox.advance(86_400)
    day = read()
    sandbox.advance(6 * 86_400)
    assert 0 < day["likeCount"] < read()["likeCount"]
    sandbox.settings("bluesky", counts_hidden=True)
    assert read() == {}


def test_delete_post__leaves_nothing_to_be_shown(sandbox: Sandbox, api: Api) -> None:
    uri = api.create().json()["uri"]
    sandbox.delete_post("bluesky", uri)
    assert api.call("app.bsky.feed.getPosts", uris=[uri]).json() == {"posts": []}
    assert api.get().json()["error"] == "RecordNotFound"
