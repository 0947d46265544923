"""One post of each kind on each platform, through real runs under random faults, until all is quiet.

Every post must end as posted, once on the sandbox's side; where the platform gives no means to know, it may stand as
unconfirmed for a person, and is there once at most. Runs are killed, too. Repeat a run with CHAOS_SEED.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from socialcron.platforms import registry
from socialcron.sandbox.server import PLATFORMS, Sandbox
from tests.chaos import children
from tests.chaos.children import Trap
from tests.conftest import RUN_HOME
from tests.contract.sample import Kind
from tests.kinds import KINDS, write_media
from tests.world import World

SEED = int(os.environ.get("CHAOS_SEED") or random.Random(os.environ[RUN_HOME]).randrange(1_000_000))
STEP_MINUTES = 4.0  # longer than a lease, the settle time of a listing and the threshold below
TROUBLED_ROUNDS, MOST_ROUNDS = 12, 60
KILL = 0.25  # of the runs in the troubled rounds
PLACES = sorted({kind.platform for kind in KINDS})

# Requests for tokens are left alone: a single-use token whose answer is lost needs a person (PROTOCOL 9).
_NO_TOKENS = "^(?!.*(oauth|Session|access_token))"
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "accept_then_drop", "probability": 0.2, "visible_only": True},
    {"kind": "half_answer", "probability": 0.1, "visible_only": True},
    {"kind": "5xx", "probability": 0.1, "visible_only": True, "performed": True},
    {"kind": "html", "probability": 0.05, "visible_only": True, "performed": True},
    {"kind": "drop_before", "probability": 0.1, "visible_only": True},
    {"kind": "lagging_listing", "probability": 0.3, "visible_only": True, "seconds": 60.0},
    {"kind": "429", "probability": 0.05, "path": _NO_TOKENS},
    {"kind": "5xx", "probability": 0.05, "path": _NO_TOKENS},
    {"kind": "drop_before", "probability": 0.05, "path": _NO_TOKENS},
    {"kind": "reset", "probability": 0.05, "method": "GET"},
    {"kind": "truncated_json", "probability": 0.03, "method": "GET"},
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox.start(limited=False, media=tmp_path, seed=SEED) as running:
        yield running


def test_kinds__name_every_platform() -> None:
    assert {kind.platform.partition("-")[0] for kind in KINDS} | {"stub"} == set(registry.names())
    assert set(PLACES) == set(PLATFORMS)


@pytest.mark.parametrize("place", PLACES)
def test_every_kind_of_post__is_confirmed_once_whatever_goes_wrong(
    place: str, world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    write_media(tmp_path)
    environment |= {
        "SOCIALCRON_MEDIA_URL": world.sandbox.media_url,
        "SOCIALCRON_ALLOW_PRIVATE_MEDIA": "true",
        "STUCK_THRESHOLD_MINUTES": "3",
    }
    chance = random.Random(f"{place} {SEED}")
    kinds = [kind for kind in KINDS if kind.platform == place]
    posts = {
        world.post(
            world.account(
                place, f"owner{number}", settings=kind.settings_of(f"owner{number}"), **kind.account
            ),
            max_attempts=100,
            **kind.post,
        ): kind
        for number, kind in enumerate(kinds)
    }
    if place == "x":
        world.sandbox.settings("x", duplicate_seconds=0)
    for fault in FAULTS:
        world.sandbox.fault(**{"platform": place, **fault})
    log = ""
    for number in range(MOST_ROUNDS):
        if number == TROUBLED_ROUNDS:
            world.sandbox.clear_faults()
        killed = number < TROUBLED_ROUNDS and chance.random() < KILL
        trap = Trap(chance.randrange(1, 120), chance.choice(["before", "after"])) if killed else None
        ended = children.run(["post-due", "--look-ahead", "0"], environment, trap)
        log += ended.log
        assert ended.exit_code in ((0, -9) if trap else (0,)), ended.log
        assert not world.sandbox.bugs, world.sandbox.bugs
        if number >= TROUBLED_ROUNDS and all(is_quiet(world, post_id) for post_id in posts):
            break
        world.pass_time(STEP_MINUTES)
        world.sandbox.advance(STEP_MINUTES * 60)
    wrong = [
        f"{kind}: {problem}"
        for number, (post_id, kind) in enumerate(posts.items())
        if (problem := what_is_wrong(world, post_id, kind, f"owner{number}"))
    ]
    assert not wrong, f"CHAOS_SEED={SEED}:\n" + "\n".join(wrong) + f"\n{log[-20_000:]}"


def is_quiet(world: World, post_id: int) -> bool:
    row = world.row(post_id)
    return row["status"] in ("posted", "failed") or (
        row["status"] == "unconfirmed" and row["reconcile_at"] is None
    )


def what_is_wrong(world: World, post_id: int, kind: Kind, owner: str) -> str | None:
    row, there = world.row(post_id), len(world.sandbox.posts(kind.platform, owner))
    if row["status"] == "unconfirmed" and not kind.knowable:
        return None if there <= kind.visible else f"unconfirmed, and there {there} times"
    if row["status"] != "posted" or row["incomplete_at_step"] is not None:
        return f"{row['status']} ({row['error_class']}: {row['last_error']}), there {there} times"
    return None if there == kind.visible else f"posted, and there {there} times instead of {kind.visible}"
