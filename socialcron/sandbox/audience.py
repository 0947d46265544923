"""What people do with a post: numbers that each stand-in reports in its platform's own words.

They follow from the post and its age in whole minutes, so that two looks in a row agree, and only ever grow: fast on
the first day, then ever slower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socialcron.sandbox.frame import Post

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Audience:
    views: int
    likes: int
    comments: int
    shares: int
    saves: int


def audience(post: Post, now: float) -> Audience:
    """now: of the sandbox's clock. Nobody has seen a post in its first minute."""
    taste = Random(post.id)
    reach, pace = taste.lognormvariate(7.0, 0.8), taste.uniform(8, 30) * HOUR
    age = max(now - post.created_at, 0.0) // 60 * 60
    views = reach * (1 - math.exp(-age / pace) + 0.1 * math.log1p(age / pace))

    def share(least: float, most: float) -> int:
        return int(views * taste.uniform(least, most))

    return Audience(
        views=int(views),
        likes=share(0.03, 0.09),
        comments=share(0.003, 0.012),
        shares=share(0.002, 0.01),
        saves=share(0.002, 0.015),
    )
