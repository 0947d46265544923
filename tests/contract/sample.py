"""What suites over all platforms must know of each: `SAMPLE` and `KINDS` in its contract test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from socialcron.model import Step

TID = "3mbxh2yg2a22a"  # the key of every sample step


def json_body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def form_body(request: httpx.Request) -> Any:
    return dict(httpx.QueryParams(request.content.decode()))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One account, one stored request, and the answer that confirms it.

    credentials: every secret in them contains the word "secret", which must appear in no error and no repr.
    """

    credentials: Mapping[str, Any]
    token: str = "access_token"  # which of them signs requests
    request: Mapping[str, Any]
    created: tuple[int, Any]  # status and JSON body
    created_headers: Mapping[str, str] = field(default_factory=dict)
    handles: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)  # of the account, beside base_url
    renewable: Mapping[str, Any] | None = (
        None  # credentials that `refresh` takes; None: nothing can be refreshed
    )
    # What `validate` takes without media, if the platform has posts of text alone, and with `attachment`.
    plain: Step | None = field(default_factory=lambda: Step(number=0, kind="post", text="Hello"))
    options: Mapping[str, Any] = field(default_factory=dict)  # that a post needs (a TikTok privacy level)
    attachment: tuple[str, str] = ("cat.png", "image/png")  # file name and type of something it takes
    prepare_handles: Mapping[str, Any] = field(
        default_factory=dict
    )  # with which `prepare` makes its first write
    # What of the visible request equals `request`; None: it carries bytes of the file (`file_bytes`), not `request`.
    body: Callable[[httpx.Request], Any] | None = json_body
    file_bytes: bytes | None = None
    remote_id: str = "1{number:03}"  # of own posts, in a form the platform gives out
    # Success is told by the status alone, and what it became is asked later (`Accepted`).
    names_it_later: bool = False


# --- one post of each kind ---------------------------------------------------------------------------------

CAT = {"source": "cat.jpg", "alt": "a cat"}
DOG = {"source": "dog.jpg", "alt": "a dog"}
PLAIN_CAT, PLAIN_DOG, FILM = {"source": "cat.jpg"}, {"source": "dog.jpg"}, {"source": "film.mp4"}
TEA_OR_COFFEE = {"options": ["tea", "coffee"], "duration_seconds": 86_400}


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


def says(text: str | None, *media: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"text": text, **({"media": list(media)} if media else {}), **more}


def choosing(platform: str, **options: Any) -> dict[str, Any]:
    return {"variants": {platform: {"options": options}}}


THREAD = says("one", thread=["two", "three"], first_comment="by the way")
