"""Text as the platforms measure it, written from their documents with the standard library alone.

The adapters measure with libraries; two independent rulers that agree are worth more than one used twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_PICTOGRAPH = re.compile(  # Unicode's Extended_Pictographic, emoji-data.txt 15.1
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3"
    "\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705"
    "\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757"
    "\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f"
    "\U0001f18e\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f23a\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945"
    "\U0001f947-\U0001faff\U0001fc00-\U0001fffd]"
)
_JOINER = "\u200d"
# Path characters as in twitter-text, which Mastodon uses as well: an URL ends where, say, Chinese text begins.
_PATH = r"[\w!*';:=+,.$/%#\[\]\-~@|&()?]"
_LATIN_PATH = _PATH.replace(r"\w", "a-zA-Z0-9_\u00c0-\u024f\u0400-\u052f")
URL = re.compile(
    rf"(?<![\w@#$])https?://(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{{2,}}(?::\d+)?(?:[/?#]{_LATIN_PATH}*)?",
    re.I,
)


def trim_url(url: str) -> str:
    """The URL without sentence punctuation after it; a closing bracket stays if it was opened inside."""
    while True:
        last = url[-1]
        if last in ".,;:!?'|&*[(" or (
            last in ")]" and url.count("(" if last == ")" else "[") < url.count(last)
        ):
            url = url[:-1]
        else:
            return url


def url_spans(text: str, pattern: re.Pattern[str] = URL) -> Iterator[tuple[int, int]]:
    """(start, end) of each URL in the text."""
    for found in pattern.finditer(text):
        yield found.start(), found.start() + len(trim_url(found[0]))


def is_emoji(cluster: str) -> bool:
    """Whether a grapheme cluster is one emoji: a pictograph, a flag or a keycap."""
    first = cluster[0]
    if "\u20e3" in cluster or "\U0001f1e6" <= first <= "\U0001f1ff":
        return len(cluster) > 1
    return bool(_PICTOGRAPH.match(first)) and "\ufe0e" not in cluster  # VARIATION SELECTOR-15 asks for text


def graphemes(text: str) -> Iterator[str]:
    """Extended grapheme clusters (UAX #29), without the rules for Indic conjuncts and prepended marks."""
    start = 0
    for index in range(1, len(text)):
        if _breaks(text, start, index):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def count_graphemes(text: str) -> int:
    if text.isascii() and "\r" not in text:
        return len(text)
    return sum(1 for _ in graphemes(text))


def _breaks(text: str, start: int, index: int) -> bool:
    """Whether a cluster that began at `start` ends before `index`."""
    before, after = text[index - 1], text[index]
    if before == "\r" and after == "\n":
        return False
    if _is_control(before) or _is_control(after):
        return True
    if _extends(after):
        return False
    if before == _JOINER and _PICTOGRAPH.match(after):
        stem = index - 2
        while stem > start and _extends(text[stem]):
            stem -= 1
        return stem < start or not _PICTOGRAPH.match(text[stem])
    if "\U0001f1e6" <= after <= "\U0001f1ff":
        return index - start != 1 or not "\U0001f1e6" <= before <= "\U0001f1ff"
    return not _hangul_joins(before, after)


def _extends(char: str) -> bool:
    return (
        char == _JOINER
        or char == "\u200c"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
        or unicodedata.category(char) in ("Mn", "Me", "Mc")
    )


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") and not _extends(char)


def _hangul(char: str) -> str:
    """The Hangul syllable type: L, V, T, LV, LVT, or empty."""
    if "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c":
        return "L"
    if "\u1160" <= char <= "\u11a7" or "\ud7b0" <= char <= "\ud7c6":
        return "V"
    if "\u11a8" <= char <= "\u11ff" or "\ud7cb" <= char <= "\ud7fb":
        return "T"
    if "\uac00" <= char <= "\ud7a3":
        return "LV" if (ord(char) - 0xAC00) % 28 == 0 else "LVT"
    return ""


def _hangul_joins(before: str, after: str) -> bool:
    left, right = _hangul(before), _hangul(after)
    return (
        (left == "L" and right in ("L", "V", "LV", "LVT"))
        or (left in ("LV", "V") and right in ("V", "T"))
        or (left in ("LVT", "T") and right == "T")
    )
