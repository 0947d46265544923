"""Numbers of the stand-ins: the same for one moment, and never fewer later."""

from __future__ import annotations

from dataclasses import astuple
from itertools import pairwise

from socialcron.sandbox.audience import HOUR, Audience, audience
from socialcron.sandbox.frame import Account, Post


def post(name: str = "1") -> Post:
    return Post(name, Account("7", "alice"), "Hello", created_at=1_000_000.0)


def test_audience__nobody_has_seen_a_post_that_just_came_out() -> None:
    assert audience(post(), 1_000_059.0) == Audience(0, 0, 0, 0, 0)
    assert audience(post(), 999_000.0) == Audience(0, 0, 0, 0, 0)  # a clock set back


def test_audience__two_looks_at_one_moment_agree_and_two_posts_differ() -> None:
    now = 1_000_000.0 + 24 * HOUR
    assert audience(post(), now) == audience(post(), now)
    assert audience(post("1"), now) != audience(post("2"), now)


def test_audience__grows_fast_at_first_and_never_shrinks() -> None:
    for name in map(str, range(20)):
        seen = [astuple(audience(post(name), 1_000_000.0 + hours * HOUR)) for hours in range(31 * 24)]
        for earlier, later in pairwise(seen):
            assert all(before <= after for before, after in zip(earlier, later, strict=True))
        views = [counts[0] for counts in seen]
        assert views[24] - views[0] > views[48] - views[24] > views[30 * 24] - views[29 * 24] > 0
