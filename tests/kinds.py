"""One post of each kind on each platform: what the end-to-end script publishes, and the crash points are tried on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from socialcron.platforms import registry
from tests.contract.sample import Kind
from tests.media import jpeg, mp4, png

KINDS: list[Kind] = [
    kind
    for name in registry.names()
    if name != "stub"
    for kind in import_module(f"tests.contract.test_{name}").KINDS
]


def write_media(folder: Path) -> None:
    """The files of all kinds: within the limits of every platform."""
    (folder / "cat.jpg").write_bytes(jpeg(1080, 1080))
    (folder / "dog.jpg").write_bytes(jpeg(1080, 1080, orientation=3))
    (folder / "cat.png").write_bytes(png("cat", 640, 480))
    (folder / "film.mp4").write_bytes(mp4(2 * 2**20, width=720, height=1280, seconds=5.0))
    (folder / "long.mp4").write_bytes(mp4(9 * 2**20, width=720, height=1280, seconds=60.0))
