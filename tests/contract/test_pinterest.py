"""Pinterest."""

from __future__ import annotations

from tests.contract.sample import Sample

BOARD = "549755885175"
SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    settings={"board_id": BOARD},
    request={
        "board_id": BOARD,
        "description": "Hello",
        "media_source": {"source_type": "image_url", "url": "https://media.example/cat.png"},
    },
    handles={"account_id": "7"},
    created=(201, {"id": "813744226420795884", "board_id": BOARD}),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
    plain=None,
)
