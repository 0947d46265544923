"""What files are, by their bytes: real ones, generated, under names that lie."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

from socialcron.batches.probing import probe
from socialcron.errors import Rejected
from socialcron.model import Media
from tests import media

IMAGES = {
    "a png": (media.png(), "image/png", 2, 2),
    "a jpeg": (media.jpeg(40, 20), "image/jpeg", 40, 20),
    "a photo of a turned camera": (media.jpeg(40, 20, orientation=6), "image/jpeg", 20, 40),
    "a photo upside down": (media.jpeg(40, 20, orientation=3), "image/jpeg", 40, 20),
    "a gif": (media.gif(6, 4), "image/gif", 6, 4),
    "a webp": (media.webp(8, 6), "image/webp", 8, 6),
}


def probed(tmp_path: Path, data: bytes, name: str = "file") -> Media:
    path = tmp_path / name
    path.write_bytes(data)
    return probe(Media(source=name), path)


@pytest.mark.parametrize("what", IMAGES)
def test_probe__measures_an_image_as_it_is_shown(tmp_path: Path, what: str) -> None:
    data, mime_type, width, height = IMAGES[what]

    found = probed(tmp_path, data, "film.mp4")

    assert (found.mime_type, found.width, found.height) == (mime_type, width, height)
    assert (found.size_bytes, found.path) == (len(data), tmp_path / "film.mp4")
    assert (found.duration_seconds, found.frame_rate) == (None, None)


def test_probe__measures_a_film(tmp_path: Path) -> None:
    found = probed(tmp_path, media.mp4(width=640, height=360, seconds=2.5, frame_rate=25), "picture.png")

    assert (found.mime_type, found.width, found.height) == ("video/mp4", 640, 360)
    assert (found.duration_seconds, found.frame_rate) == (2.5, 25.0)


def test_probe__measures_a_film_of_an_upright_phone_as_it_is_shown(tmp_path: Path) -> None:
    found = probed(tmp_path, media.mp4(width=640, height=360, turned=True))

    assert (found.width, found.height) == (360, 640)


def test_probe__tells_quicktime_sound_and_documents_apart(tmp_path: Path) -> None:
    assert probed(tmp_path, media.mp4(brand=b"qt  ")).mime_type == "video/quicktime"
    assert probed(tmp_path, media.wav(1.5)).mime_type == "audio/wav"
    assert probed(tmp_path, media.wav(1.5)).duration_seconds == 1.5
    assert probed(tmp_path, media.pdf()).mime_type == "application/pdf"


STRANGERS = {
    "a web page": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "empty": b"",
    "text": "Grüße".encode(),
    "an archive": b"PK\x03\x04 and so on",
    "a damaged image": media.png()[:20],
    "a film without picture or sound": b"\0\0\0\x18ftypmp42" + bytes(500),
    "something unknown": bytes(range(256)),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_probe__says_what_a_file_seems_to_be_that_is_none_of_these(tmp_path: Path, what: str) -> None:
    with pytest.raises(Rejected, match=rf"'cat.png' is not a readable image or video: it seems to be {what}"):
        probed(tmp_path, STRANGERS[what], "cat.png")


def test_probe__refuses_an_image_that_would_fill_the_memory(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )

    with pytest.raises(Rejected, match=r"'bomb\.png' would unfold to a monstrous image"):
        probed(tmp_path, bomb, "bomb.png")


def test_probe__reads_little_of_a_large_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    media.write_mp4(path, 2**30)
    before = _bytes_read()

    found = probe(Media(source="film.mp4"), path)

    assert (found.mime_type, found.size_bytes, found.duration_seconds) == ("video/mp4", 2**30, 2.0)
    assert _bytes_read() - before < 8 * 2**20


def test_probe__follows_no_reference_to_another_file(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(media.mp4())
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{tmp_path / 'secret.mp4'}\n#EXT-X-ENDLIST\n"

    with pytest.raises(Rejected, match="it seems to be text"):
        probed(tmp_path, playlist.encode(), "list.m3u8")


def _bytes_read() -> int:
    """By this process so far, as the kernel counts them."""
    counts = dict(line.split(": ") for line in Path(f"/proc/{os.getpid()}/io").read_text().splitlines())
    return int(counts["rchar"])
