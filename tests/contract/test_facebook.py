"""Facebook Pages: requests and documented answers, and what Facebook shares with Instagram and Threads.

Recordings follow https://developers.facebook.com/docs/pages-api/posts, .../docs/graph-api/reference/page/feed/ and
/photos/, .../docs/video-api/guides/reels-publishing, .../docs/graph-api/guides/error-handling and
.../docs/graph-api/overview/rate-limiting, as archived 2026-09-11.
"""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.contract.sample import Sample


def call(request: httpx.Request) -> Any:
    """A request in the form in which it is stored."""
    return {"path": request.url.path.removeprefix("/v26.0"), "json": json.loads(request.content)}


SAMPLE = Sample(
    credentials={"access_token": "secret-page-token"},
    request={"path": "/1122/feed", "json": {"message": "Hello", "published": True}},
    handles={"page_id": "1122"},
    prepare_handles={"page_id": "1122"},
    created=(200, {"id": "1122_7788", "permalink_url": "https://www.facebook.com/1122/posts/7788"}),
    renewable={"access_token": "secret-page-token", "user_token": "secret-user-token"},
    body=call,
)
