"""Images made small enough: within every limit, as good as that allows, the original untouched."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from socialcron.batches.probing import probe
from socialcron.batches.resizing import shrink
from socialcron.errors import Rejected
from socialcron.model import Media, Step
from socialcron.platforms.base import MediaRule
from socialcron.platforms.rules import media_problems
from tests import media


def rule(mime_types: str = "image/jpeg image/png image/gif", **limits: int | bool) -> MediaRule:
    return MediaRule(
        kind="image",
        mime_types=frozenset(mime_types.split()),
        source="https://a.example",
        date="2026-11-22",
        **limits,  # type: ignore[arg-type]
    )


def shrunk(
    tmp_path: Path, data: bytes, *rules: MediaRule, folder: bool = True, name: str = "cat.png"
) -> Media:
    path, made = tmp_path / name, tmp_path / "made"
    path.write_bytes(data)
    made.mkdir(exist_ok=True)
    original = probe(Media(source=name, url="https://cdn.example/cat.png", alt="a cat"), path)
    step = Step(number=0, kind="post", text="", media=(original,))

    found = shrink(
        step, rules, lambda tried: len(list(media_problems(tried.media, rules))), made if folder else None
    ).media[0]

    assert path.read_bytes() == data
    assert found.alt == "a cat"
    if found != original and folder:
        assert found.path is not None
        assert probe(Media(source=name, alt="a cat", sha256=found.sha256), found.path) == found
        assert found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    return found


def test_shrink__leaves_alone_what_is_small_enough(tmp_path: Path) -> None:
    found = shrunk(tmp_path, media.png("", 30, 20), rule(max_width=30, max_bytes=10_000))

    assert found.path == tmp_path / "cat.png"
    assert found.url == "https://cdn.example/cat.png"


def test_shrink__scales_down_to_the_limits_and_keeps_the_type(tmp_path: Path) -> None:
    found = shrunk(tmp_path, media.png("", 300, 200), rule(max_width=150, max_height=150))

    assert (found.mime_type, found.width, found.height) == ("image/png", 150, 100)
    assert found.url is None, "what is public is not what is sent"


def test_shrink__lowers_the_quality_before_the_size(tmp_path: Path) -> None:
    data = media.jpeg(400, 300, noise=True)
    found = shrunk(tmp_path, data, rule(max_bytes=int(len(data) * 0.8)), name="cat.jpg")

    assert (found.mime_type, found.width, found.height) == ("image/jpeg", 400, 300)
    assert found.size_bytes is not None
    assert found.size_bytes <= len(data) * 0.8


def test_shrink__lowers_the_size_when_no_quality_helps(tmp_path: Path) -> None:
    found = shrunk(tmp_path, media.jpeg(400, 300, noise=True), rule(max_bytes=5_000), name="cat.jpg")

    assert found.size_bytes is not None
    assert found.size_bytes <= 5_000
    assert found.width is not None
    assert found.height is not None
    assert found.width < 400
    assert found.width / found.height == pytest.approx(4 / 3, rel=0.05)


def test_shrink__turns_a_photo_as_its_camera_says(tmp_path: Path) -> None:
    found = shrunk(tmp_path, media.jpeg(400, 200, orientation=6), rule(max_height=100), name="cat.jpg")

    assert (found.width, found.height) == (50, 100)


def test_shrink__makes_a_jpeg_of_a_png_that_stays_too_large(tmp_path: Path) -> None:
    noise = media.saved(Image.effect_noise((300, 200), 90).convert("RGB"), "PNG")
    found = shrunk(tmp_path, noise, rule(max_bytes=len(noise) // 2))

    assert (found.mime_type, found.width, found.height) == ("image/jpeg", 300, 200)


def test_shrink__keeps_transparency(tmp_path: Path) -> None:
    image = Image.effect_noise((300, 200), 90).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((300, 200)))
    data = media.saved(image, "PNG")

    found = shrunk(tmp_path, data, rule(max_bytes=len(data) // 2))

    assert found.mime_type == "image/png"
    assert found.path is not None
    with Image.open(found.path) as made:
        assert made.mode == "RGBA"


def test_shrink__puts_what_can_be_seen_through_on_white_where_there_is_no_other_way(tmp_path: Path) -> None:
    data = media.saved(Image.new("RGBA", (300, 200), (255, 0, 0, 0)), "GIF")

    found = shrunk(tmp_path, data, rule("image/gif image/jpeg", max_width=150))

    assert found.mime_type == "image/jpeg"
    assert found.path is not None
    with Image.open(found.path) as made:
        assert made.getpixel((10, 10)) == (255, 255, 255)


def test_shrink__takes_the_kindest_rule_under_which_it_passes(tmp_path: Path) -> None:
    found = shrunk(tmp_path, media.png("", 300, 200), rule(max_width=200), rule(max_width=100))

    assert found.width == 200


@pytest.mark.parametrize("data", [media.gif(300, 200), media.png("", 300, 200)], ids=["animated", "by url"])
def test_shrink__leaves_animations_and_what_the_platform_fetches_itself(tmp_path: Path, data: bytes) -> None:
    by_url = data.startswith(b"\x89PNG")

    assert shrunk(tmp_path, data, rule(max_width=100, by_url=by_url)).width == 300


def test_shrink__without_a_folder_only_tells_what_would_be(tmp_path: Path) -> None:
    found = shrunk(tmp_path, media.png("", 300, 200), rule(max_width=150, max_bytes=50), folder=False)

    assert (found.width, found.height, found.size_bytes) == (150, 100, 50)
    assert list((tmp_path / "made").iterdir()) == []


def test_shrink__refuses_an_image_that_breaks_off(tmp_path: Path) -> None:
    noise = media.jpeg(400, 300, noise=True)

    with pytest.raises(Rejected, match=r"'cat\.jpg' cannot be resized"):
        shrunk(tmp_path, noise[: len(noise) // 2], rule(max_width=100), name="cat.jpg")


def test_shrink__makes_several_images_fit_each_its_own_rule(tmp_path: Path) -> None:
    rules = (rule("image/png", max_width=100), rule("image/jpeg", max_width=50, max_bytes=10_000))
    (tmp_path / "a.png").write_bytes(media.png("", 300, 200))
    (tmp_path / "b.jpg").write_bytes(media.jpeg(300, 200))
    images = tuple(probe(Media(source=name), tmp_path / name) for name in ("a.png", "b.jpg"))
    step = Step(number=0, kind="post", text="", media=images)

    found = shrink(step, rules, lambda tried: len(list(media_problems(tried.media, rules))), tmp_path)

    assert [item.width for item in found.media] == [100, 50]
