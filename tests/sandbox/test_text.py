from __future__ import annotations

import pytest
import regex
from twitter_text import parse_tweet

from socialcron.sandbox.text import count_graphemes, graphemes, trim_url, url_spans
from socialcron.sandbox.x import weighted_length

TEXTS = [
    "",
    "plain",
    "two\r\nlines",
    "e\u0301te\u0301",
    "👩‍👩‍👧‍👦 family",
    "🇩🇪🇫🇷🇯",
    "1️⃣ keycap, ❤️ heart, 👍🏽 tone",
    "한국어 각 \u1112\u1161\u11ab",
    "日本語テキスト",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿 Scotland",
    "a\u200db joiner",
    "नमस",
    "© and ®",
]


@pytest.mark.parametrize("text", TEXTS)
def test_graphemes__are_those_of_the_regex_library(text: str) -> None:
    assert list(graphemes(text)) == regex.findall(r"\X", text)
    assert count_graphemes(text) == len(regex.findall(r"\X", text))


@pytest.mark.parametrize(
    "text",
    [
        *(text for text in TEXTS if "\r" not in text),  # the library counts CR LF once, the rule says twice
        "Hello, world! 👋",
        "a https://example.com/" + "x" * 200,
        "see https://example.com/a_(b)?c=d, and (http://example.org).",
        "中" * 140,
        "bare example.com/path here",
        "mail@example.com is no address of a page",
        "https://example.com/中文 ends early",
        "☺ ☺︎ ☺️",
        "“quotes” … and – dashes",
    ],
)
def test_weighted_length__is_that_of_twitter_text(text: str) -> None:
    assert weighted_length(text) == parse_tweet(text).weightedLength


@pytest.mark.parametrize(
    ("text", "length"),
    [("Hello, world! 👋", 16), ("a https://example.com/" + "x" * 200, 25), ("👩‍👩‍👧‍👦", 2)],
)
def test_weighted_length__of_the_sheets_vectors(text: str, length: int) -> None:
    assert weighted_length(text) == length


def test_url_spans__leave_punctuation_out() -> None:
    text = "(see https://example.com/a_(b)), https://example.org."
    assert [text[start:end] for start, end in url_spans(text)] == [
        "https://example.com/a_(b)",
        "https://example.org",
    ]
    assert trim_url("https://example.com/a!?") == "https://example.com/a"
