"""A fresh sandbox per test, and files small enough to send around."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from socialcron.sandbox import Sandbox

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
MP4 = b"\0\0\0\x18ftypmp42" + b"\0" * 40
GIF = b"GIF89a" + b"\0" * 40


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seed=1) as running:
        yield running
