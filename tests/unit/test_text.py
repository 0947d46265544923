"""The text rules that platforms share."""

from __future__ import annotations

import pytest

from socialcron.platforms.text import graphemes, links, with_link


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://example.com/a.", ["https://example.com/a"]),
        ("(see https://example.com/a), ok", ["https://example.com/a"]),
        ("https://example.com/b_(c)!", ["https://example.com/b_(c)"]),
        ("[https://example.com?q=1]", ["https://example.com?q=1"]),
        (
            "https://example.com:8080/a#b and HTTP://EXAMPLE.COM",
            ["https://example.com:8080/a#b", "HTTP://EXAMPLE.COM"],
        ),
        ("请看https://example.com/a,然后https://例え.jp/b。", ["https://example.com/a", "https://例え.jp/b"]),
        ("https://xn--e1aybc.xn--p1ai/x", ["https://xn--e1aybc.xn--p1ai/x"]),
        ("https://", []),
        ("https:// https://localhost/a ftp://example.com/a", []),
    ],
)
def test_links__leave_the_sentence_around_them(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in links(text)] == found


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Hi", "Hi\nhttps://example.com/a"),
        ("Hi \n", "Hi\nhttps://example.com/a"),
        (" ", "https://example.com/a"),
        ("See https://example.com/a.", "See https://example.com/a."),
        ("https://example.com/a\nHi", "https://example.com/a\nHi"),
        ("https://example.com/ab", "https://example.com/ab\nhttps://example.com/a"),
        ("https://example.com/a.html", "https://example.com/a.html\nhttps://example.com/a"),
    ],
)
def test_with_link__appends_what_is_not_there_yet(text: str, whole: str) -> None:
    assert with_link(text, "https://example.com/a") == whole
    assert with_link(text, None) == text


def test_graphemes__counts_as_people_do() -> None:
    assert [graphemes(text) for text in ("", "abc", "é", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "\r\n")] == [0, 3, 1, 1, 2, 1]
