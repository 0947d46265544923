"""Exhaustive crash points: harm at every database and HTTP call of a run, then runs until quiet, then the count.

Each scenario is run once to number its calls. Then, for each call, from the same state anew: a run killed just before
it, one killed just after it, one that does not hear the answer, and one whose request does not even arrive. Whatever
happened, further runs must bring every step out exactly once, in order, with its media.

On the platforms that the machinery grew up with, `make chaos` takes every point. On the others, every kind of post is
tried at all points of HTTP calls, which are the platform's own, and at every SHARE-th of the database calls, which are
not. Elsewhere it is a sample: the points at visible calls (in a thread every other one), and every SHARE-th of the
others, beginning at the seed; of the other platforms' kinds every KINDS_SHARE-th. To repeat failures:

    CHAOS_POINTS=12-after,13-before pytest "tests/chaos/test_crash_points.py" -k mastodon-thread
"""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from socialcron.exitcodes import ExitCode
from socialcron.sandbox.server import Sandbox
from tests.chaos import children
from tests.chaos.children import HARMS, Ended, Harm, Trap
from tests.conftest import RUN_HOME
from tests.contract.sample import Kind
from tests.kinds import KINDS, write_media
from tests.media import png
from tests.world import World

FULL = bool(os.environ.get("CHAOS_FULL"))
# The same in all workers of a run.
SEED = int(os.environ.get("CHAOS_SEED") or random.Random(os.environ[RUN_HOME]).randrange(1_000_000))
POINTS = os.environ.get("CHAOS_POINTS", "")
SHARE = 15
KINDS_SHARE = 3
STEP_MINUTES = 4.0  # longer than a lease, the settle time of a listing and the threshold below
MOST_ROUNDS = 14
ENVIRONMENT = {"STUCK_THRESHOLD_MINUTES": "3"}

VISIBLE = re.compile("write ")

POST: dict[str, Any] = {"text": "Good morning"}
IMAGES: dict[str, Any] = {
    "text": "Two pictures",
    "media": [{"source": "cat.png", "alt": "a cat"}, {"source": "dog.png", "alt": "a dog"}],
}
VIDEO: dict[str, Any] = {"text": "A film", "media": [{"source": "film.mp4"}]}
THREAD: dict[str, Any] = {"text": "one", "thread": ["two", "three"], "first_comment": "by the way"}


@dataclass(frozen=True, slots=True)
class Prelude:
    """What went before the run under attack: a run harmed at a visible call, then `quiet` ones that were not."""

    harm: Harm
    visible: int = 0  # the how manieth visible call
    quiet: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    platform: str
    name: str
    post: Mapping[str, Any]
    prelude: Prelude | None = None
    account: Mapping[str, Any] = field(default_factory=dict)
    command: Literal["post-due", "reset-stuck"] = "post-due"
    tokens_die: bool = False  # the platform's tokens are used up by a refresh whose answer is lost
    settings: Mapping[str, str] = field(default_factory=dict)
    kind: Kind | None = None  # a post of `tests/kinds.py`, on a platform with no scenarios of its own

    def __str__(self) -> str:
        return f"{self.platform}-{self.name}"


NETWORKED = ("mastodon", "mastodon-nokey", "bluesky", "x")
SCENARIOS = [
    *(Scenario(platform, "post", POST) for platform in (*NETWORKED, "stub")),
    *(Scenario(platform, "images", IMAGES) for platform in (*NETWORKED, "stub")),
    *(Scenario(platform, "video", VIDEO) for platform in ("mastodon", "x")),
    *(Scenario(platform, "thread", THREAD) for platform in (*NETWORKED, "stub")),
    # The runs that settle what a harmed run left behind.
    *(Scenario(platform, "found", POST, Prelude("lost")) for platform in NETWORKED),
    *(Scenario(platform, "found in a thread", THREAD, Prelude("lost", visible=1)) for platform in NETWORKED),
    *(Scenario(platform, "not found", POST, Prelude("never")) for platform in NETWORKED),
    *(
        Scenario(platform, "not found twice", POST, Prelude("never", quiet=1))
        for platform in ("mastodon-nokey", "x")
    ),
    *(
        Scenario(platform, "not found twice in a thread", THREAD, Prelude("never", visible=2, quiet=1))
        for platform in ("mastodon-nokey", "x")
    ),
    *(
        Scenario(platform, f"stuck {harm} the send", POST, Prelude(harm), command="reset-stuck")
        for platform in ("mastodon", "x")
        for harm in ("before", "after")
    ),
    Scenario("mastodon", "refresh", POST, account={"refresh": True}, tokens_die=True),
    Scenario("x", "refresh", POST, account={"auth": "oauth2"}, tokens_die=True),
    Scenario(
        "bluesky", "refresh", POST, account={"session": True}
    ),  # its app password helps where a token is lost
    # Gives the account back while it waits, and takes it again.
    Scenario("mastodon", "look ahead", {**POST, "due": "now() + interval '1 second'"}),
    *(
        Scenario(
            kind.platform,
            kind.name,
            kind.post,
            account=kind.account,
            settings=kind.settings_of("me"),
            kind=kind,
        )
        for kind in KINDS
        if kind.platform not in NETWORKED
    ),
]


CHOSEN = [
    scenario
    for number, scenario in enumerate(SCENARIOS)
    if FULL or POINTS or scenario.kind is None or number % KINDS_SHARE == SEED % KINDS_SHARE
]


@dataclass(slots=True)
class Attack:
    """One scenario, again and again from the same state."""

    world: World
    scenario: Scenario
    environment: dict[str, str]
    post_id: int = 0
    log: str = ""  # of all runs since `begin`

    def calls(self) -> tuple[str, ...]:
        """The calls of the run under attack, when nobody attacks it."""
        for _ in range(10):
            self.begin()
            ended = self.run(self.scenario.command)
            assert ended.exit_code == 0, ended.log
            self.check_outcome(gentle=True)
            if "due" not in self.scenario.post or "db take_accounts" in ended.calls:
                return ended.calls
        raise AssertionError("the host is too busy: the post was due before the run could wait for it")

    def suffer(self, trap: Trap) -> str | None:
        """What is wrong after `trap`; None if nothing is."""
        try:
            for _ in range(3):
                self.begin()
                ended = self.run(self.scenario.command, trap)
                if len(ended.calls) >= int(trap.at):
                    break  # a host so busy that a wait was over before it began makes fewer calls
            expected = (-signal.SIGKILL,) if trap.harm in ("before", "after") else (0, ExitCode.UNAVAILABLE)
            assert ended.exit_code in expected, f"exit code {ended.exit_code}"
            self.check_outcome()
        except AssertionError as exc:
            return f"{str(exc).splitlines()[0]}\n{self.log}"
        return None

    def begin(self) -> None:
        world, scenario = self.world, self.scenario
        visible = _visible_calls(self) if scenario.prelude else []
        self.log = ""
        world.run(
            "DELETE FROM socialcron.posts; DELETE FROM socialcron.accounts; DELETE FROM socialcron.contents;"
            "DELETE FROM socialcron.account_wakeups; DELETE FROM socialcron.runs"
        )
        world.sandbox.reset()
        world.sandbox.settings("x", duplicate_seconds=0)  # not to be saved by X's own guard
        account_id = world.account(scenario.platform, settings=dict(scenario.settings), **scenario.account)
        if scenario.tokens_die:
            world.run("UPDATE socialcron.accounts SET token_expires_at = now()")
        self.post_id = world.post(account_id, **scenario.post)
        if prelude := scenario.prelude:
            self.run("post-due", Trap(visible[prelude.visible], prelude.harm))
            for _ in range(prelude.quiet):
                self.pass_time()
                self.run("post-due")
            self.pass_time()

    def run(self, command: str, trap: Trap | None = None) -> Ended:
        ended = children.run([command, "--json"], self.environment | ENVIRONMENT, trap)
        self.log += f"--- {command} {trap or ''} -> {ended.exit_code}\n{' | '.join(ended.calls)}\n{ended.log}"
        return ended

    def pass_time(self) -> None:
        self.world.pass_time(STEP_MINUTES)
        self.world.sandbox.advance(STEP_MINUTES * 60)

    def check_outcome(self, *, gentle: bool = False) -> None:
        """Run until quiet, then count. gentle: nothing went wrong, so nothing may be excused."""
        for _ in range(MOST_ROUNDS):
            if self.is_quiet():
                break
            self.pass_time()
            ended = self.run("post-due")
            assert ended.exit_code == 0, f"a later run ended with {ended.exit_code}"
        row = self.world.row(self.post_id)
        if self.scenario.tokens_die and not gentle and self.is_disconnected(row):
            return
        if self.scenario.kind is not None and not (gentle or self.scenario.kind.knowable):
            self.check_count(self.scenario.kind, row)
            return
        assert row["status"] == "posted", f"{row['status']}: {row['last_error']}"
        assert row["incomplete_at_step"] is None
        assert row["claim_token"] is None
        assert not self.world.sandbox.bugs
        attempts = self.world.attempts(self.post_id)
        assert not [attempt for attempt in attempts if attempt["phase"] in ("sending", "unknown")]
        confirmed = {
            attempt["step"]: attempt["remote_id"] for attempt in attempts if attempt["phase"] == "confirmed"
        }
        ids = [confirmed[step] for step in sorted(confirmed)]
        if self.scenario.kind is not None:
            self.check_count(self.scenario.kind, row)
        elif self.scenario.platform == "stub":
            self.check_stub(ids)
        else:
            self.check_platform(ids)
        assert row["remote_id"] == ids[0]

    def is_quiet(self) -> bool:
        row = self.world.row(self.post_id)
        if row["status"] == "unconfirmed":
            return row["reconcile_at"] is None
        return row["status"] in ("posted", "failed", "missed", "cancelled")

    def is_disconnected(self, row: Mapping[str, Any]) -> bool:
        """PROTOCOL 7's honest limit: the new tokens were lost with the answer. A person reconnects; nothing is out."""
        status = self.world.value("SELECT status FROM socialcron.accounts")
        return (
            status == "needs_reconnect"
            and row["error_class"] == "auth_expired"
            and not self.world.sandbox.posts(self.scenario.platform)
        )

    def check_count(self, kind: Kind, row: Mapping[str, Any]) -> None:
        """There as often as it should be; where the platform cannot be asked, at most so often, left to a person."""
        there = len(self.world.sandbox.posts(kind.platform))
        if row["status"] == "unconfirmed" and not kind.knowable:
            assert there <= kind.visible, f"unconfirmed, and there {there} times"
        else:
            assert row["status"] == "posted", f"{row['status']}: {row['last_error']}"
            assert there == kind.visible, f"posted, and there {there} times"
        assert not self.world.sandbox.bugs

    def check_stub(self, ids: list[str]) -> None:
        """Each step was logged once at most; a run killed just before the line counts as having written it."""
        assert ids == list(dict.fromkeys(ids))
        for remote_id in ids:
            lines = [line for line in self.log.splitlines() if "stub_published" in line and remote_id in line]
            assert len(lines) <= 1, f"logged {len(lines)} times"

    def check_platform(self, ids: list[str]) -> None:
        published = self.world.sandbox.posts(self.scenario.platform)
        post = self.scenario.post
        thread, comment = post.get("thread", []), post.get("first_comment")
        texts = [post["text"], *thread, *([comment] if comment else [])]
        assert [item["text"] for item in published] == texts
        assert [item["id"] for item in published] == ids
        parents: list[str | None] = [None, *ids[: len(thread)], *([ids[0]] if comment else [])]
        assert [item["reply_to"] for item in published] == parents
        wanted = [item.get("alt") for item in post.get("media", [])]
        assert self.alts(published[0]) == wanted
        assert not any(item["media"] for item in published[1:])

    def alts(self, item: Mapping[str, Any]) -> list[str | None]:
        """The alt texts of a published post's media, which name them here."""
        platform: Any = self.world.sandbox.platforms[self.scenario.platform]
        if self.scenario.platform == "bluesky":
            record = platform.posts[item["id"]].body["value"]
            return [image["alt"] for image in record.get("embed", {}).get("images", [])]
        attribute = "alt" if self.scenario.platform == "x" else "description"
        return [getattr(platform.media[media_id], attribute) for media_id in item["media"]]


_visible: dict[tuple[str, str], list[int]] = {}


def _visible_calls(attack: Attack) -> list[int]:
    """The numbers of the visible calls in a first run of the scenario's post."""
    scenario = attack.scenario
    key = scenario.platform, str(scenario.post)
    if key not in _visible:
        first = Attack(attack.world, Scenario(scenario.platform, "", scenario.post), attack.environment)
        _visible[key] = [number for number, name in enumerate(first.calls(), 1) if VISIBLE.match(name)]
    return _visible[key]


def points_of(calls: tuple[str, ...]) -> list[Trap]:
    """Every harm at every call. The stub's log line cannot get lost on its way."""
    return [
        Trap(number, harm)
        for number, name in enumerate(calls, 1)
        for harm in HARMS
        if not (name == "write stub" and harm in ("lost", "never"))
    ]


def is_spared(point: Trap, scenario: Scenario, calls: tuple[str, ...]) -> bool:
    """A database call of a run whose like is tried at every call elsewhere."""
    number = int(point.at)
    return (
        scenario.kind is not None and calls[number - 1].startswith("db ") and number % SHARE != SEED % SHARE
    )


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox.start(limited=False, media=tmp_path) as running:
        yield running


@pytest.fixture
def media_files(tmp_path: Path) -> None:
    write_media(tmp_path)
    for name in ("cat", "dog"):
        (tmp_path / f"{name}.png").write_bytes(png(name))


@pytest.mark.parametrize("scenario", CHOSEN, ids=str)
@pytest.mark.usefixtures("media_files")
def test_crash_points__every_step_goes_out_exactly_once(
    world: World,
    environment: dict[str, str],
    scenario: Scenario,
    record_property: Callable[[str, object], None],
) -> None:
    environment |= {
        "SOCIALCRON_MEDIA_URL": world.sandbox.media_url,
        "SOCIALCRON_ALLOW_PRIVATE_MEDIA": "true",
    }
    attack = Attack(world, scenario, environment)
    calls = attack.calls()
    points = [point for point in points_of(calls) if not is_spared(point, scenario, calls)]
    chosen = points
    if not FULL:
        decisive = [point for point in points if VISIBLE.match(calls[int(point.at) - 1])]
        others = [point for point in points if point not in decisive]
        decisive = decisive[SEED % 2 :: 2] if len(decisive) > 8 else decisive
        chosen = decisive + others[SEED % SHARE :: SHARE]
    if POINTS:
        chosen = [point for point in points if str(point) in POINTS.split(",")]
    failures = []
    for point in chosen:
        if wrong := attack.suffer(point):
            failures.append(f"{point} ({calls[int(point.at) - 1]}): {wrong}")
    where = str(scenario) if FULL else f"{scenario.platform}, CHAOS_SEED={SEED}"
    counts = {"calls": len(calls), "points": len(points), "tried": len(chosen), "failed": len(failures)}
    record_property("summary", {"title": f"crash points, {where}", **counts})
    assert not failures, f"{len(failures)} of {len(chosen)}:\n" + "\n".join(failures[:5])
