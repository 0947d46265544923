"""One post of each kind on each platform: what the end-to-end script publishes, and the crash points are tried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.media import jpeg, mp4, png

CAT = {"source": "cat.jpg", "alt": "a cat"}
DOG = {"source": "dog.jpg", "alt": "a dog"}
PLAIN_CAT, PLAIN_DOG, FILM = {"source": "cat.jpg"}, {"source": "dog.jpg"}, {"source": "film.mp4"}
POLL = {"options": ["tea", "coffee"], "duration_seconds": 86_400}
EVENT = {
    "topic_type": "EVENT",
    "event_title": "Open day",
    "event_start": "2026-12-01T09:00",
    "event_end": "2026-12-01T17:00",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """`post`: arguments of schedule_post. `account`: options of the sandbox's account. `visible`: posts it becomes.

    settings: of the account; "{owner}" in them is its handle.

    knowable: the platform can be asked about a post whose answer was lost.
    """

    platform: str
    name: str
    post: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    visible: int = 1
    knowable: bool = True

    def settings_of(self, owner: str) -> dict[str, str]:
        return {name: value.format(owner=owner) for name, value in self.settings.items()}

    def __str__(self) -> str:
        return f"{self.platform}-{self.name}"


def write_media(folder: Path) -> None:
    """The files of all kinds: within the limits of every platform."""
    (folder / "cat.jpg").write_bytes(jpeg(1080, 1080))
    (folder / "dog.jpg").write_bytes(jpeg(1080, 1080, orientation=3))
    (folder / "cat.png").write_bytes(png("cat", 640, 480))
    (folder / "film.mp4").write_bytes(mp4(2 * 2**20, width=720, height=1280, seconds=5.0))
    (folder / "long.mp4").write_bytes(mp4(9 * 2**20, width=720, height=1280, seconds=60.0))


def post(text: str | None, *media: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"text": text, **({"media": list(media)} if media else {}), **more}


def options(platform: str, **options: Any) -> dict[str, Any]:
    return {"variants": {platform: {"options": options}}}


THREAD = post("one", thread=["two", "three"], first_comment="by the way")
TIKTOK = {"privacy_level": "PUBLIC_TO_EVERYONE"}
BOARD = {"board_id": "549755885175"}
CHAT = {"chat_id": "@{owner}"}

KINDS: list[Kind] = [
    *(
        kind
        for platform in ("mastodon", "mastodon-nokey", "x", "bluesky")
        for kind in (
            Kind(platform, "text", post("Good morning")),
            Kind(platform, "link", post("Read this", link="https://blog.example/1")),
            Kind(platform, "images", post("Two pictures", CAT, DOG)),
            Kind(platform, "thread", THREAD, visible=4),
        )
    ),
    *(
        kind
        for platform in ("mastodon", "x")
        for kind in (
            Kind(platform, "video", post("A film", FILM)),
            Kind(platform, "poll", post("Which?", poll=POLL)),
        )
    ),
    Kind("facebook", "text", post("Good morning")),
    Kind("facebook", "link", post("Read this", link="https://blog.example/1")),
    Kind("facebook", "photo", post("A picture", CAT)),
    Kind("facebook", "photos", post("Two pictures", CAT, DOG)),
    Kind("facebook", "video", post("A film", FILM), knowable=False),
    Kind("facebook", "reel", post("A reel", FILM, **options("facebook", type="reel"))),
    Kind("instagram", "image", post("A picture", CAT)),
    Kind("instagram", "carousel", post("Two pictures", CAT, DOG)),
    Kind("instagram", "reel", post("A reel", FILM)),
    Kind("instagram", "story", post("", PLAIN_CAT, **options("instagram", type="story"))),
    Kind("threads", "text", post("Good morning")),
    Kind("threads", "link", post("Read this", link="https://blog.example/1")),
    Kind("threads", "image", post("A picture", CAT)),
    Kind("threads", "carousel", post("Two pictures", CAT, DOG)),
    Kind("threads", "video", post("A film", FILM)),
    Kind("threads", "thread", THREAD, visible=4),
    Kind("tiktok", "video", post("A film", FILM), TIKTOK),
    Kind("tiktok", "private video", post("A film", FILM), {"privacy_level": "SELF_ONLY"}),
    # Nothing is known of what TikTok fetches itself until it has answered; its list proves no absence.
    Kind(
        "tiktok",
        "pulled video",
        post("A film", FILM, **options("tiktok", source="pull")),
        TIKTOK,
        knowable=False,
    ),
    Kind("tiktok", "photos", post("Two pictures", PLAIN_CAT, PLAIN_DOG), TIKTOK, knowable=False),
    Kind("tiktok", "inbox", post("A film", FILM), {"mode": "inbox"}),
    Kind("linkedin", "text", post("Good (early) morning"), account={"organization": True}),
    Kind("linkedin", "link", post("Read", link="https://blog.example/1"), account={"organization": True}),
    Kind("linkedin", "image", post("A picture", CAT), account={"organization": True}),
    Kind("linkedin", "images", post("Two pictures", CAT, DOG), account={"organization": True}),
    Kind("linkedin", "video", post("A film", FILM), account={"organization": True}),
    Kind("linkedin", "member text", post("Good morning"), knowable=False),
    Kind("pinterest", "image", post("A picture", CAT), BOARD),
    Kind("pinterest", "images", post("Two pictures", CAT, DOG), BOARD),
    Kind(
        "pinterest",
        "video",
        post("A film", FILM, **options("pinterest", cover_image_key_frame_time=1)),
        BOARD,
    ),
    Kind("youtube", "video", post("A film", FILM)),
    Kind("youtube", "long video", post("A long film", {"source": "long.mp4"})),
    Kind(
        "youtube",
        "thumbnail",
        post("A film", FILM, variants={"youtube": {"thumbnail": {"source": "cat.jpg"}}}),
    ),
    Kind("google_business", "standard", post("Fresh bread", PLAIN_CAT)),
    Kind("google_business", "event", post("Come", **options("google_business", **EVENT))),
    Kind(
        "google_business",
        "offer",
        post(
            "Half price", **options("google_business", **{**EVENT, "topic_type": "OFFER"}, coupon_code="HALF")
        ),
    ),
    *(
        Kind("telegram", name, content, CHAT, visible=visible, knowable=False)
        for name, content, visible in (
            ("text", post("Good morning"), 1),
            ("photo", post("A picture", PLAIN_CAT), 1),
            ("album", post("Two pictures", PLAIN_CAT, PLAIN_DOG), 1),
            ("video", post("A film", FILM), 1),
            ("poll", post("Which?", poll=POLL), 1),
            ("thread", THREAD, 4),
        )
    ),
    *(
        Kind("discord", name, content, knowable=False)
        for name, content in (
            ("text", post("Good morning")),
            ("photo", post("A picture", CAT)),
            ("poll", post("Which?", poll=POLL)),
        )
    ),
    Kind(
        "supabase",
        "row",
        post("Good morning", link="https://blog.example/1"),
        {f"column_{name}": name for name in ("views", "likes", "comments", "shares", "saves")},
    ),
    Kind("supabase", "row with media", post("A picture", CAT)),
]
