"""What the conformance suite must know of a platform: `SAMPLE` in its contract test."""

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
