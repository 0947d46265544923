"""The documented answers: https://developers.facebook.com/docs/instagram-platform/content-publishing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.containers import CONTAINERS_A_DAY, FLAKY, POISON
from tests.sandbox.conftest import MP4, PNG

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
DAY = 86_400


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "big.jpg").write_bytes(JPEG + b"\0" * 8 * 2**20)
    (tmp_path / "v.mp4").write_bytes(MP4)
    (tmp_path / "poison.mp4").write_bytes(MP4 + POISON)
    (tmp_path / "flaky.mp4").write_bytes(MP4 + FLAKY)
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


class Client(httpx.Client):
    """As one account; `user` is its id."""

    def __init__(self, sandbox: Sandbox, **options: Any) -> None:
        made = sandbox.account("instagram", "cafe", **options)
        token = made["credentials"]["access_token"]
        super().__init__(
            base_url=f"{sandbox.url('instagram')}/v26.0", headers={"Authorization": f"Bearer {token}"}
        )
        self.token, self.user, self.media_url = token, made["external_id"], sandbox.media_url

    def create(self, **fields: Any) -> httpx.Response:
        for name in ("image_url", "video_url"):
            if name in fields and "://" not in fields[name]:
                fields[name] = f"{self.media_url}/{fields[name]}"
        return self.post(f"/{self.user}/media", json=fields)

    def container(self, **fields: Any) -> str:
        answer = self.create(**fields)
        assert answer.status_code == 200, answer.text
        name: str = answer.json()["id"]
        return name

    def state(self, container: str) -> Any:
        return self.get(f"/{container}", params={"fields": "status_code,status"}).json()

    def publish(self, container: str) -> httpx.Response:
        return self.post(f"/{self.user}/media_publish", json={"creation_id": container})

    def image(self, caption: str = "Hello") -> str:
        """A published image's id."""
        container = self.container(image_url="a.jpg", caption=caption)
        assert self.state(container)["status_code"] == "FINISHED"
        media: str = self.publish(container).json()["id"]
        return media


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as client:
        yield client


def code(answer: httpx.Response) -> str:
    """ "code/subcode" of a refusal."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    return "/".join(str(error[name]) for name in ("code", "error_subcode") if name in error)


# --- containers --------------------------------------------------------------------------------------------


def test_image__goes_from_container_to_post(sandbox: Sandbox, client: Client) -> None:
    container = client.container(image_url="a.jpg", caption="Hello", alt_text="a cup")
    assert code(client.publish(container)) == "9007/2207027"
    assert client.state(container) == {"id": container, "status_code": "FINISHED"}
    media = client.publish(container).json()["id"]
    assert client.state(container)["status_code"] == "PUBLISHED"
    shown = client.get(f"/{media}", params={"fields": "permalink,caption,media_product_type"}).json()
    assert (shown["caption"], shown["media_product_type"]) == ("Hello", "FEED")
    [post] = sandbox.posts("instagram")
    assert (post["id"], post["text"], post["media"]) == (media, "Hello", [f"{sandbox.media_url}/a.jpg"])


def test_container__makes_one_post_at_most(sandbox: Sandbox, client: Client) -> None:
    container = client.container(image_url="a.jpg")
    client.state(container)
    assert client.publish(container).status_code == 200
    assert code(client.publish(container)) == "100"
    assert len(sandbox.posts("instagram")) == 1


def test_video__is_processed_at_the_second_look(client: Client) -> None:
    container = client.container(media_type="REELS", video_url="v.mp4", share_to_feed=True, thumb_offset=500)
    assert client.state(container)["status_code"] == "IN_PROGRESS"
    assert code(client.publish(container)) == "9007/2207027"
    assert client.state(container)["status_code"] == "FINISHED"
    media = client.publish(container).json()["id"]
    assert client.get(f"/{media}", params={"fields": "media_product_type"}).json()["media_product_type"] == (
        "REELS"
    )


@pytest.mark.parametrize(("name", "subcode"), [("poison.mp4", "2207026"), ("flaky.mp4", "2207053")])
def test_video__that_fails_says_why(client: Client, name: str, subcode: str) -> None:
    container = client.container(media_type="REELS", video_url=name)
    client.state(container)
    failed = client.state(container)
    assert failed["status_code"] == "ERROR"
    assert subcode in failed["status"]
    assert code(client.publish(container)) == "9007/2207027"


def test_container__expires_after_a_day_by_the_sandboxes_clock(sandbox: Sandbox, client: Client) -> None:
    container = client.container(image_url="a.jpg")
    sandbox.advance(DAY - 60)
    assert client.state(container)["status_code"] == "FINISHED"
    sandbox.advance(61)
    assert client.state(container)["status_code"] == "EXPIRED"
    assert code(client.publish(container)) == "-2/2207020"


def test_container__of_somebody_else_or_nobody_is_not_there(sandbox: Sandbox, client: Client) -> None:
    token = sandbox.account("instagram", "other")["credentials"]["access_token"]
    container = client.container(image_url="a.jpg")
    client.headers["Authorization"] = f"Bearer {token}"
    assert code(client.get(f"/{container}")) == "100/33"
    assert code(client.publish(container)) == "100/33"  # the path is another account's
    assert code(client.post("/me/media_publish", json={"creation_id": container})) == "24/2207008"


def test_carousel__takes_finished_children_that_were_made_as_such(sandbox: Sandbox, client: Client) -> None:
    children = [
        client.container(image_url="a.jpg", is_carousel_item=True),
        client.container(media_type="VIDEO", video_url="v.mp4", is_carousel_item=True),
    ]
    whole: dict[str, Any] = {
        "media_type": "CAROUSEL",
        "caption": "Both",
        "children": ",".join(children),
    }
    assert code(client.create(**whole)) == "9007/2207027"
    for child in (*children, *children):
        client.state(child)
    assert code(client.publish(children[0])) == "100"
    assert code(client.create(**whole | {"children": children[0]})) == "100/2207028"
    assert code(client.create(**whole | {"children": ",".join([children[0]] * 2)})) == "100/2207028"
    assert code(client.create(**whole | {"children": ",".join(children * 6)})) == "100/2207028"
    container = client.container(**whole)
    client.state(container)
    client.publish(container)
    [post] = sandbox.posts("instagram")
    assert (post["text"], len(post["media"])) == ("Both", 2)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, "100"),
        ({"caption": "x"}, "100"),
        ({"image_url": "a.jpg", "video_url": "v.mp4"}, "100"),
        ({"image_url": "a.jpg", "share_to_feed": True}, "100"),
        ({"image_url": "a.jpg", "link": "https://e.example"}, "100"),
        ({"image_url": "a.png"}, "36001/2207005"),
        ({"image_url": "big.jpg"}, "36000/2207004"),
        ({"image_url": "none.jpg"}, "9004/2207052"),
        ({"image_url": "https://e.example/ä.jpg"}, "9004/2207052"),
        ({"image_url": "ftp://e.example/a.jpg"}, "9004/2207052"),
        ({"image_url": "a.jpg", "caption": "x" * 2201}, "36004/2207010"),
        ({"image_url": "a.jpg", "caption": "#a " * 31}, "100/2207040"),
        ({"image_url": "a.jpg", "caption": "@a " * 21}, "100/2207040"),
        ({"image_url": "a.jpg", "alt_text": "x" * 1001}, "100"),
        ({"image_url": "a.jpg", "collaborators": ["a", "b", "c", "d"]}, "100"),
        ({"image_url": "a.jpg", "collaborators": "a"}, "100"),
        ({"image_url": "a.jpg", "location_id": "Rome"}, "100"),
        ({"image_url": "a.jpg", "is_ai_generated": "perhaps"}, "100"),
        ({"media_type": "REELS", "image_url": "a.jpg"}, "100"),
        ({"media_type": "REELS", "video_url": "a.jpg"}, "352/2207026"),
        ({"media_type": "REELS", "video_url": "v.mp4", "alt_text": "x"}, "100"),
        ({"media_type": "REELS", "video_url": "v.mp4", "thumb_offset": -5}, "1/2207057"),
        ({"media_type": "VIDEO", "video_url": "v.mp4"}, "100/2207023"),
        ({"media_type": "PIGEON", "video_url": "v.mp4"}, "100/2207023"),
        ({"image_url": "a.jpg", "is_carousel_item": True, "caption": "x"}, "100"),
        ({"media_type": "STORIES", "image_url": "a.jpg", "alt_text": "x"}, "100"),
    ],
)
def test_container__is_refused_as_documented(client: Client, fields: dict[str, Any], refused: str) -> None:
    assert code(client.create(**fields)) == refused


def test_container__of_media_elsewhere_is_believed(client: Client) -> None:
    client.container(image_url="https://cdn.example/a.jpg")


# --- quotas ------------------------------------------------------------------------------------------------


def test_quota__counts_posts_of_a_rolling_day(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings("instagram", posts_a_day=1)
    client.image()
    asked = client.get(
        f"/{client.user}/content_publishing_limit", params={"fields": "quota_usage,config"}
    ).json()
    assert asked == {"data": [{"quota_usage": 1, "config": {"quota_total": 1, "quota_duration": 86400}}]}
    container = client.container(image_url="a.jpg")
    client.state(container)
    assert code(client.publish(container)) == "9/2207042"
    sandbox.advance(DAY + 1)
    client.image()


def test_quota__four_hundred_containers_a_day(sandbox: Sandbox, client: Client) -> None:
    for _ in range(CONTAINERS_A_DAY):
        client.container(image_url="https://cdn.example/a.jpg")
    refused = client.create(image_url="https://cdn.example/a.jpg")
    assert code(refused) == "4"
    assert "x-app-usage" in refused.headers


# --- listings ----------------------------------------------------------------------------------------------


def test_listing__pages_back_and_keeps_stories_apart(sandbox: Sandbox, client: Client) -> None:
    posts = [client.image(f"Post {number}") for number in range(3)]
    container = client.container(media_type="STORIES", image_url="a.jpg", caption="ignored")
    client.state(container)
    story = client.publish(container).json()["id"]
    query = {"fields": "id,caption,timestamp,permalink", "limit": "2"}
    first = client.get(f"/{client.user}/media", params=query).json()
    assert [post["id"] for post in first["data"]] == posts[:0:-1]
    assert first["data"][0]["timestamp"].endswith("+0000")
    after = first["paging"]["cursors"]["after"]
    second = client.get(f"/{client.user}/media", params={**query, "after": after}).json()
    assert [post["caption"] for post in second["data"]] == ["Post 0"]
    stories = client.get(f"/{client.user}/stories", params=query).json()["data"]
    assert [(post["id"], "caption" in post) for post in stories] == [(story, False)]
    sandbox.advance(DAY + 1)
    assert client.get(f"/{client.user}/stories").json() == {"data": []}


# --- who asks ----------------------------------------------------------------------------------------------


def test_me__names_the_account(sandbox: Sandbox, client: Client) -> None:
    me = client.get("/me", params={"fields": "user_id,username"}).json()
    assert (me["user_id"], me["username"]) == (client.user, "cafe")


def test_login_by_facebook__has_a_page_and_a_token_without_end(sandbox: Sandbox) -> None:
    with Client(sandbox, login="facebook") as client:
        body = client.get(f"/1{client.user}", params={"fields": "instagram_business_account"}).json()
        assert body["instagram_business_account"] == {"id": client.user}
        query = {"grant_type": "ig_refresh_token", "access_token": client.token}
        assert code(httpx.get(f"{sandbox.url('instagram')}/refresh_access_token", params=query)) == "100"


def test_token__dead_or_unknown_is_190(sandbox: Sandbox, client: Client) -> None:
    sandbox.advance(61 * DAY)
    assert code(client.get("/me")) == "190/463"
    client.headers["Authorization"] = "Bearer nonsense"
    assert code(client.get("/me")) == "190"


def test_refresh__takes_a_token_that_is_a_day_old_and_has_not_ended(sandbox: Sandbox) -> None:
    def refresh(token: str) -> httpx.Response:
        query = {"grant_type": "ig_refresh_token", "access_token": token}
        return httpx.get(f"{sandbox.url('instagram')}/refresh_access_token", params=query)

    with Client(sandbox, age_seconds=0) as young:
        assert code(refresh(young.token)) == "100"
        sandbox.advance(DAY + 1)
        body = refresh(young.token).json()
        assert body["expires_in"] == pytest.approx(60 * DAY, abs=5)
        assert body["access_token"] != young.token
        sandbox.advance(60 * DAY)
        assert code(refresh(young.token)) == "190/463"


def test_consent__code_short_token_long_token(sandbox: Sandbox, client: Client) -> None:
    base, back = sandbox.url("instagram"), "http://127.0.0.1:1/"
    query = {
        "client_id": "sandbox-client",
        "redirect_uri": back,
        "response_type": "code",
        "scope": "instagram_business_basic,instagram_business_content_publish",
        "state": "s",
    }
    location = httpx.get(f"{base}/oauth/authorize", params=query).headers["location"]
    form = {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "grant_type": "authorization_code",
        "redirect_uri": back,
        "code": parse_qs(urlsplit(location).query)["code"][0],
    }
    assert code(httpx.post(f"{base}/oauth/access_token", data=form | {"client_secret": "x"})) == "100"
    short = httpx.post(f"{base}/oauth/access_token", data=form).json()
    assert short["user_id"] == int(client.user)
    assert code(httpx.post(f"{base}/oauth/access_token", data=form)) == "100"  # a code works once
    trade = {
        "grant_type": "ig_exchange_token",
        "client_secret": "sandbox-secret",
        "access_token": short["access_token"],
    }
    assert code(httpx.get(f"{base}/access_token", params=trade | {"client_secret": "x"})) == "100"
    long = httpx.get(f"{base}/access_token", params=trade).json()
    assert long["expires_in"] == pytest.approx(60 * DAY, abs=5)


def test_scope__publishing_needs_it(sandbox: Sandbox) -> None:
    with Client(sandbox, scopes="instagram_business_basic") as client:
        assert client.create(image_url="a.jpg").json()["error"]["code"] == 200


@pytest.mark.parametrize("path", ["/v26.0/refresh_access_token", "/me", "/v26.0/1/2/3"])
def test_path__is_taken_as_documented(sandbox: Sandbox, client: Client, path: str) -> None:
    assert code(httpx.get(f"{sandbox.url('instagram')}{path}", headers=client.headers)) == "100/33"


def insights(client: Client, media: str, metric: str) -> dict[str, Any]:
    body = client.get(f"/{media}/insights", params={"metric": metric}).json()
    if "error" in body:
        return {"error": body["error"]["code"]}
    return {item["name"]: item["values"][0]["value"] for item in body["data"]}


def test_insights__grow_with_the_post_and_can_be_hidden(sandbox: Sandbox, client: Client) -> None:
    media, metric = client.image(), "views,reach,likes,comments,saved,shares"
    assert insights(client, media, metric) == dict.fromkeys(metric.split(","), 0)
    sandbox.advance(DAY)
    day = insights(client, media, metric)
    sandbox.advance(6 * DAY)
    week = insights(client, media, metric)
    assert 0 < day["likes"] < day["views"] < week["views"]
    fields = {"fields": "media_product_type,like_count,comments_count"}
    assert client.get(f"/{media}", params=fields).json()["like_count"] == week["likes"]
    sandbox.settings("instagram", counts_hidden=True)
    assert insights(client, media, metric) == {}
    assert client.get(f"/{media}", params=fields).json() == {"media_product_type": "FEED", "id": media}


def test_insights__one_metric_of_another_kind_fails_them_all(client: Client) -> None:
    assert insights(client, client.image(), "views,replies") == {"error": 100}
    assert insights(client, "123", "views") == {"error": 100}


def test_insights__of_a_story_need_viewers_and_last_a_day(sandbox: Sandbox, client: Client) -> None:
    container = client.container(image_url="a.jpg", media_type="STORIES")
    client.state(container)
    story = client.publish(container).json()["id"]
    assert insights(client, story, "views") == {"error": 10}
    sandbox.advance(DAY - 60)
    assert insights(client, story, "views,reach,replies,shares").keys() == {
        "views",
        "reach",
        "replies",
        "shares",
    }
    assert insights(client, story, "likes") == {"error": 100}
    sandbox.advance(60)
    assert insights(client, story, "views") == {"error": 100}


def test_insights__need_their_scope(sandbox: Sandbox) -> None:
    scopes = "instagram_business_basic,instagram_business_content_publish"
    with Client(sandbox, scopes=scopes) as client:
        assert insights(client, client.image(), "views") == {"error": 200}
