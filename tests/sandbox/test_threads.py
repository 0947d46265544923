"""The documented answers: https://developers.facebook.com/documentation/threads/posts and its reference.

Tokens, containers and listings are those of test_instagram.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.containers import FLAKY, POISON
from socialcron.sandbox.threads import text_length
from tests.sandbox.conftest import GIF, MP4, PNG


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    files = {"a.png": PNG, "a.gif": GIF, "v.mp4": MP4, "poison.mp4": MP4 + POISON, "flaky.mp4": MP4 + FLAKY}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


class Client(httpx.Client):
    """As one account; `user` is its id."""

    def __init__(self, sandbox: Sandbox) -> None:
        made = sandbox.account("threads", "cafe")
        self.user, self.media_url = made["external_id"], sandbox.media_url
        token = made["credentials"]["access_token"]
        base_url = f"{sandbox.url('threads')}/v1.0"
        super().__init__(base_url=base_url, headers={"Authorization": f"Bearer {token}"})

    def create(self, **fields: Any) -> httpx.Response:
        for name in ("image_url", "video_url"):
            if name in fields and "://" not in fields[name]:
                fields[name] = f"{self.media_url}/{fields[name]}"
        return self.post(f"/{self.user}/threads", data=fields)

    def container(self, **fields: Any) -> str:
        answer = self.create(**fields)
        assert answer.status_code == 200, answer.text
        name: str = answer.json()["id"]
        return name

    def state(self, container: str) -> Any:
        return self.get(f"/{container}", params={"fields": "status,error_message"}).json()

    def publish(self, container: str) -> httpx.Response:
        return self.post(f"/{self.user}/threads_publish", data={"creation_id": container})

    def say(self, text: str, **fields: Any) -> str:
        """A published text's id."""
        container = self.container(media_type="TEXT", text=text, **fields)
        assert self.state(container)["status"] == "FINISHED"
        media: str = self.publish(container).json()["id"]
        return media


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as client:
        yield client


def code(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    return "/".join(str(error[name]) for name in ("code", "error_subcode") if name in error)


def test_text__goes_from_container_to_post(sandbox: Sandbox, client: Client) -> None:
    container = client.container(
        media_type="TEXT",
        text="Hello",
        link_attachment="https://e.example/",
        topic_tag="cats",
        reply_control="everyone",
    )
    assert code(client.publish(container)) == "24/4279009"
    assert client.state(container) == {"id": container, "status": "FINISHED"}
    media = client.publish(container).json()["id"]
    assert client.state(container)["status"] == "PUBLISHED"
    shown = client.get(f"/{media}", params={"fields": "text,permalink,is_reply,media_type"}).json()
    assert (shown["text"], shown["is_reply"], shown["media_type"]) == ("Hello", False, "TEXT_POST")
    assert [post["text"] for post in sandbox.posts("threads")] == ["Hello"]
    assert code(client.publish(container)) == "100"


def test_replies__are_in_a_listing_of_their_own(client: Client) -> None:
    root = client.say("Root")
    reply = client.say("Reply", reply_to_id=root)
    query = {"fields": "id,text,timestamp,permalink"}
    assert [post["id"] for post in client.get(f"/{client.user}/threads", params=query).json()["data"]] == [
        root
    ]
    for owner in (client.user, root):
        listed = client.get(f"/{owner}/replies", params=query).json()["data"]
        assert [post["id"] for post in listed] == [reply]
    assert code(client.create(media_type="TEXT", text="x", reply_to_id="5")) == "100"


def test_carousel__has_two_to_twenty_finished_children(sandbox: Sandbox, client: Client) -> None:
    children = [
        client.container(media_type="IMAGE", image_url="a.png", alt_text="a cat", is_carousel_item="true"),
        client.container(media_type="VIDEO", video_url="v.mp4", is_carousel_item="true"),
    ]
    whole = {"media_type": "CAROUSEL", "text": "Both", "children": ",".join(children)}
    assert code(client.create(**whole)) == "24/4279009"
    for child in (*children, *children):
        client.state(child)
    assert code(client.create(**whole | {"children": children[0]})) == "100"
    container = client.container(**whole)
    client.state(container)
    assert client.publish(container).status_code == 200
    assert len(sandbox.posts("threads")[0]["media"]) == 2


@pytest.mark.parametrize(
    ("name", "words"), [("poison.mp4", "INVALID_BIT_RATE"), ("flaky.mp4", "FAILED_PROCESSING_VIDEO")]
)
def test_video__that_fails_says_why(client: Client, name: str, words: str) -> None:
    container = client.container(media_type="VIDEO", video_url=name)
    assert client.state(container)["status"] == "IN_PROGRESS"
    assert client.state(container) == {"id": container, "status": "ERROR", "error_message": words}


@pytest.mark.parametrize(
    ("text", "length"),
    [("x" * 500, 500), ("é漢", 2), ("👍", 4), ("👨‍👩‍👧‍👦", 25), ("🇮🇹", 8)],
)
def test_text__counts_an_emoji_as_its_bytes(text: str, length: int) -> None:
    assert text_length(text) == length


LINKS = " ".join(f"https://e.example/{n}" for n in range(5))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "x"}, "media_type"),
        ({"media_type": "TEXT", "text": " "}, "text is required"),
        ({"media_type": "TEXT", "text": "x" * 501}, "at most 500 characters"),
        ({"media_type": "TEXT", "text": "👍" * 126}, "at most 500 characters"),
        ({"media_type": "TEXT", "text": LINKS, "link_attachment": "https://e.example/9"}, "LINK_LIMIT"),
        ({"media_type": "TEXT", "text": "x", "reply_control": "nobody"}, "reply_control"),
        ({"media_type": "TEXT", "text": "x", "topic_tag": "a.b"}, "topic_tag"),
        ({"media_type": "TEXT", "text": "x", "image_url": "a.png"}, "image_url"),
        ({"media_type": "TEXT", "text": "x", "auto_publish_text": "true"}, "auto_publish_text"),
        ({"media_type": "IMAGE"}, "image_url is required"),
        ({"media_type": "IMAGE", "image_url": "a.gif"}, "not supported"),
        ({"media_type": "IMAGE", "image_url": "v.mp4"}, "not supported"),
        ({"media_type": "IMAGE", "image_url": "none.png"}, "could not be fetched"),
        ({"media_type": "IMAGE", "image_url": "a.png", "alt_text": "x" * 1001}, "alt_text"),
        ({"media_type": "IMAGE", "image_url": "a.png", "is_carousel_item": "true", "text": "x"}, "text"),
        ({"media_type": "IMAGE", "image_url": "a.png", "link_attachment": "https://e.example"}, "link"),
    ],
)
def test_container__is_refused_as_documented(client: Client, fields: dict[str, Any], words: str) -> None:
    answer = client.create(**fields)
    assert code(answer) == "100"
    assert words in answer.json()["error"]["message"]


def test_quota__posts_and_replies_are_counted_apart(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings("threads", posts_a_day=1, replies_a_day=1)
    root = client.say("Root")
    client.say("Reply", reply_to_id=root)
    fields = "quota_usage,config,reply_quota_usage,reply_config"
    [said] = client.get(f"/{client.user}/threads_publishing_limit", params={"fields": fields}).json()["data"]
    assert (said["quota_usage"], said["reply_quota_usage"]) == (1, 1)
    assert said["reply_config"] == {"quota_total": 1, "quota_duration": 86400}
    more: dict[str, str]
    for more in ({}, {"reply_to_id": root}):
        container = client.container(media_type="TEXT", text="More", **more)
        client.state(container)
        assert code(client.publish(container)) == "9/2207042"
    sandbox.advance(86_401)
    client.say("Tomorrow")


def test_usage__is_not_told(client: Client) -> None:
    for _ in range(60):
        answer = client.get("/me", params={"fields": "id,username"})
    assert "x-app-usage" not in answer.headers


def test_insights__grow_with_the_post_and_count_real_replies(sandbox: Sandbox, client: Client) -> None:
    post = client.say("Hello")
    client.say("and more", reply_to_id=post)

    def read(metric: str = "views,likes,replies,reposts,quotes,shares") -> dict[str, int]:
        body = client.get(f"/{post}/insights", params={"metric": metric}).json()
        return {item["name"]: item["values"][0]["value"] for item in body["data"]}

    assert read() == {"views": 0, "likes": 0, "replies": 1, "reposts": 0, "quotes": 0, "shares": 0}
    sandbox.advance(86_400)
    day = read()
    sandbox.advance(6 * 86_400)
    assert 0 < day["likes"] < day["views"] < read("views")["views"]
    sandbox.settings("threads", counts_hidden=True)
    assert read() == {}


def test_insights__one_unknown_metric_fails_them_all(client: Client) -> None:
    for metric in ("views,saves", "plays", ""):
        answer = client.get(f"/{client.say(metric or 'none')}/insights", params={"metric": metric})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)
