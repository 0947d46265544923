"""Rules as data, and what is said about files that break them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from socialcron.batches.probing import AUDIOS, STILLS, VIDEOS
from socialcron.model import Media
from socialcron.platforms import registry
from socialcron.platforms.base import MediaRule
from socialcron.platforms.rules import (
    can_resize,
    hashtags,
    media_problems,
    mentions,
    option_problems,
    url_problems,
)

TYPES = {"application/pdf", *STILLS.values(), *VIDEOS.values(), *AUDIOS.values()}
VIDEO = MediaRule(
    kind="video",
    mime_types=frozenset({"video/mp4"}),
    max_bytes=1000,
    min_width=100,
    min_ratio=0.5,
    max_ratio=2,
    min_seconds=3,
    max_seconds=60,
    max_frame_rate=30,
    source="https://a.example",
    date="2026-11-22",
)
IMAGE = MediaRule(
    kind="image",
    mime_types=frozenset({"image/png"}),
    max_width=50,
    source="https://a.example",
    date="2026-11-22",
)
FILM = Media(
    source="film.mp4",
    mime_type="video/mp4",
    size_bytes=900,
    width=200,
    height=100,
    duration_seconds=10.0,
    frame_rate=29.97,
)


def said(media: Media, *rules: MediaRule, use: str = "") -> list[str]:
    return [str(problem) for problem in media_problems([media], rules, use=use)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"size_bytes": 1001}, ["media[1]: film.mp4 is 1001 bytes, at most 1000 allowed"]),
        ({"width": 99, "height": 99}, ["media[1]: film.mp4 is 99 pixels wide, at least 100 needed"]),
        ({"height": 90}, ["media[1]: film.mp4 is 2.22 wide per high, at most 2 allowed"]),
        ({"height": 600}, ["media[1]: film.mp4 is 0.33 wide per high, at least 0.50 needed"]),
        ({"duration_seconds": 61.5}, ["media[1]: film.mp4 is 61.50 seconds long, at most 60 allowed"]),
        ({"duration_seconds": 60.04}, []),
        ({"duration_seconds": 2.0}, ["media[1]: film.mp4 is 2 seconds long, at least 3 needed"]),
        ({"frame_rate": 60.0}, ["media[1]: film.mp4 is 60 frames per second, at most 30 allowed"]),
        ({"width": None, "height": None, "duration_seconds": None, "frame_rate": None}, []),
        ({"mime_type": "video/webm"}, ["media[1]: film.mp4 is video/webm; allowed: image/png, video/mp4"]),
        ({"mime_type": None, "size_bytes": 5000}, []),
    ],
)
def test_media_problems__name_the_file_what_was_measured_and_the_limit(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert said(replace(FILM, **changes), VIDEO, IMAGE) == expected


def test_media_problems__mention_resizing_only_where_it_helps() -> None:
    picture = Media(source="cat.png", mime_type="image/png", size_bytes=1, width=60, height=60)
    allowed = "media[1]: cat.png is 60 pixels wide, at most 50 allowed"

    assert said(picture, IMAGE) == [
        f"{allowed}; resize_images=true on the account makes still images smaller"
    ]
    assert said(picture, replace(IMAGE, by_url=True)) == [allowed]


def test_media_problems__hold_the_rules_of_a_use_against_it_and_the_kindest_that_fits() -> None:
    story = replace(VIDEO, use="story", max_seconds=15)
    reel = replace(VIDEO, use="reel", max_seconds=90)
    long = replace(FILM, duration_seconds=30.0)

    assert said(long, story, reel, use="reel") == []
    assert said(long, story, reel, use="story") == [
        "media[1]: film.mp4 is 30 seconds long, at most 15 allowed"
    ]
    assert said(long, story, replace(reel, use=""), use="story") == []


def test_url_problems__are_of_files_that_nobody_can_fetch() -> None:
    public = replace(FILM, url="https://cdn.example/film.mp4")
    not_looked_at = Media(source="film.mp4")

    assert list(url_problems([public, not_looked_at], "Instagram")) == []
    (problem,) = url_problems([public, FILM], "Instagram")
    assert problem.field == "media[2]"
    assert "film.mp4 has no public address" in problem.message
    assert "SOCIALCRON_MEDIA_URL" in problem.message


@pytest.mark.parametrize("name", registry.names())
def test_option_problems__are_of_names_no_platform_declares(name: str) -> None:
    declaration = registry.declaration(name)

    assert list(option_problems(dict.fromkeys(declaration.options), declaration)) == []
    (problem,) = option_problems({"visibilty": "private"}, declaration)
    assert problem.field == "options.visibilty"
    assert all(option in problem.message for option in declaration.options)


@pytest.mark.parametrize("name", registry.names())
def test_declared_media__names_its_source_and_types_that_files_are_found_to_be(name: str) -> None:
    for rule in registry.declaration(name).media:
        assert rule.source.startswith("https://")
        assert len(rule.date) == 10
        assert rule.mime_types & TYPES


def test_can_resize__where_images_go_out_as_bytes() -> None:
    assert can_resize(registry.declaration("bluesky"))
    assert not can_resize(registry.declaration("instagram"))
    assert not can_resize(registry.declaration("stub"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#one and #zwei, #三 #4u", ["#one", "#zwei", "#三", "#4u"]),
        ("#one #one", ["#one", "#one"]),
        ("C# a#b #1 # https://a.example/#part &#39;", []),
        ("(#in) brackets", ["#in"]),
        ("＃全角", ["＃全角"]),
    ],
)
def test_hashtags__have_a_letter_and_stand_alone(text: str, found: list[str]) -> None:
    assert hashtags(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@ann, (@bob) and @c.d", ["@ann", "@bob", "@c.d"]),
        ("me@example.com @ @@twice", []),
        ("See https://a.example/@ann.", []),
        ("Ask @ann.", ["@ann"]),
    ],
)
def test_mentions__are_names_and_no_addresses(text: str, found: list[str]) -> None:
    assert mentions(text) == found
