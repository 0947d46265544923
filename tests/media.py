"""Small files that are what they claim to be, generated: images by Pillow, films by hand, box for box."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

SCALE = 1000  # units a second in the films' clocks


def png(label: str = "", width: int = 2, height: int = 2, *, color: Any = (64, 128, 192)) -> bytes:
    """A picture of one color. label: makes files of the same picture differ."""
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", label)
    mode = {3: "RGB", 4: "RGBA"}[len(color)]
    return saved(Image.new(mode, (width, height), color), "PNG", pnginfo=told)


def jpeg(width: int = 2, height: int = 2, *, orientation: int = 1, noise: bool = False) -> bytes:
    """orientation: of EXIF; 6 is a photo taken with the camera turned. noise: detail that does not compress."""
    image = Image.effect_noise((width, height), 90) if noise else Image.new("RGB", (width, height), "teal")
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, "JPEG", exif=exif, quality=95)


def gif(width: int = 2, height: int = 2, *, frames: int = 2) -> bytes:
    images = [Image.new("RGB", (width, height), (90 * number, 0, 0)) for number in range(frames)]
    return saved(images[0], "GIF", save_all=True, append_images=images[1:])


def webp(width: int = 2, height: int = 2) -> bytes:
    return saved(Image.new("RGB", (width, height)), "WEBP")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def pdf() -> bytes:
    return b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def wav(seconds: float = 1.0) -> bytes:
    samples = bytes(int(8000 * seconds))
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mp4(size_bytes: int = 0, **film: Any) -> bytes:
    """A film as of `mp4_head`, filled up to `size_bytes` with frames nobody can watch."""
    head = mp4_head(size_bytes, **film)
    return head + bytes(max(size_bytes - len(head), 0))


def write_mp4(path: Path, size_bytes: int, **film: Any) -> None:
    """The same into a file, of any size, with the number of each MiB at its start; the rest is a hole."""
    with path.open("wb") as file:
        file.write(mp4_head(size_bytes, **film))
        for number in range(1, -(-size_bytes // 2**20)):
            file.seek(number * 2**20)
            file.write(b"%08d" % number)
        file.truncate(size_bytes)


def mp4_head(
    size_bytes: int = 0,
    *,
    width: int = 640,
    height: int = 360,
    seconds: float = 2.0,
    frame_rate: int = 30,
    turned: bool = False,
    brand: bytes = b"isom",
    label: str = "",
) -> bytes:
    """All of an H.264 film but its frames. turned: it was filmed with the phone upright. brand: `qt  ` is QuickTime.

    Source: ISO/IEC 14496-12, where every box is a length, four letters and content.
    """
    duration, frames = int(seconds * SCALE), int(seconds * frame_rate)
    one = 0x10000
    matrix = (0, one, 0, -one, 0, 0, 0, 0, one << 14) if turned else (one, 0, 0, 0, one, 0, 0, 0, one << 14)
    times = struct.pack(">II", 0, 0)
    mvhd = _full(
        b"mvhd",
        times
        + struct.pack(">IIIH10x", SCALE, duration, one, 0x100)
        + struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, one << 14)
        + struct.pack(">24xI", 2),
    )
    tkhd = _full(
        b"tkhd",
        times
        + struct.pack(">III8xhhhH", 1, 0, duration, 0, 0, 0, 0)
        + struct.pack(">9i", *matrix)
        + struct.pack(">II", width << 16, height << 16),
        flags=3,
    )
    mdhd = _full(b"mdhd", times + struct.pack(">IIHH", SCALE * frame_rate, duration * frame_rate, 0x55C4, 0))
    hdlr = _full(b"hdlr", b"\0\0\0\0vide" + bytes(12) + b"film\0")
    avc1 = _box(
        b"avc1", struct.pack(">6xH16xHHIIIH32sHh", 1, width, height, 0x480000, 0x480000, 0, 1, b"", 24, -1)
    )
    tables = (
        _full(b"stsd", struct.pack(">I", 1) + avc1)
        + _full(b"stts", struct.pack(">III", 1, frames, SCALE))
        + _full(b"stsc", struct.pack(">IIII", 1, 1, frames, 1))
        + _full(b"stsz", struct.pack(">II", 1, frames))
        + _full(b"stco", struct.pack(">II", 1, 0))
    )
    data = _full(b"dref", struct.pack(">I", 1) + _full(b"url ", b"", flags=1))
    minf = _box(b"minf", _full(b"vmhd", bytes(8), flags=1) + _box(b"dinf", data) + _box(b"stbl", tables))
    trak = _box(b"trak", tkhd + _box(b"mdia", mdhd + hdlr + minf))
    head = (
        _box(b"ftyp", brand + bytes(4) + brand) + _box(b"moov", mvhd + trak) + _box(b"free", label.encode())
    )
    return head + struct.pack(">I", max(size_bytes - len(head), 8 + frames)) + b"mdat" + bytes(frames)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _full(name: bytes, content: bytes, *, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", flags) + content)
