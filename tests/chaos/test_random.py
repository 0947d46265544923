"""Random chaos: overlapping runs killed at random, a platform that lies, a database that restarts, people who meddle.

Real processes on a PostgreSQL and a sandbox of their own. An application inserts posts; operators cancel, edit, hold
and reschedule them; two runs are always under way, and many of them are killed. In the end the faults stop, rows
are moved in time until all is quiet, and the posts on the sandbox's side are counted: none twice, none lost, none
unconfirmed, and whatever operators were told holds.

The protocol's times are shortened in the children, all of them, so that their order stays: a straggler arrives and
shows itself long before its absence may be concluded.

Repeat a run with CHAOS_SEED; CHAOS_MINUTES sets how long it lasts.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from socialcron.errors import DatabaseUnavailable
from socialcron.exitcodes import ExitCode
from socialcron.sandbox.server import Sandbox
from socialcron.settings import Settings
from socialcron.store import embedded, migrate, secrets, steering
from socialcron.store.engine import Database
from tests import servers
from tests.chaos import children
from tests.chaos.children import Child, Ended
from tests.chaos.remote import RemoteSandbox
from tests.conftest import RUN_HOME
from tests.media import png
from tests.world import World

SECONDS = float(os.environ.get("CHAOS_MINUTES") or 0.75) * 60
SEED = int(os.environ.get("CHAOS_SEED") or random.Random(os.environ[RUN_HOME]).randrange(1_000_000))
SLOTS = 2  # runs under way at any time
POSTS_PER_SECOND = 5.0
RESTART_SECONDS = 15.0  # on average
STEP_MINUTES = 4.0
MOST_ROUNDS = 40
PLATFORMS = ("mastodon", "mastodon-nokey", "bluesky", "x")
ACCOUNTS: list[tuple[str, str, dict[str, Any]]] = [
    *((platform, name, {}) for platform in PLATFORMS for name in ("ann", "bob")),
    ("mastodon", "refreshing", {"refresh": True}),
    ("x", "refreshing", {"auth": "oauth2"}),
]
EARLY_SECONDS = 0.2  # by which two clocks of one host may be read differently

# A send ends within 3 s; a request that is under way then arrives within 2 s more, is worked on for at most 1.5 s, and
# shows in listings 2 s later: in all well before deadline + settle time, 15 s. Requests for tokens are left alone:
# a single-use token whose answer is lost needs a person (PROTOCOL 9).
_NO_TOKENS = "^(?!.*(oauth|Session))"
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "accept_then_drop", "probability": 0.1, "visible_only": True},
    {"kind": "reset", "probability": 0.05, "visible_only": True},
    {"kind": "half_answer", "probability": 0.05, "visible_only": True},
    {"kind": "truncated_json", "probability": 0.03, "visible_only": True},
    {"kind": "5xx", "probability": 0.05, "visible_only": True, "performed": True},
    {"kind": "html", "probability": 0.03, "visible_only": True, "performed": True},
    {"kind": "drop_before", "probability": 0.08, "visible_only": True},
    {"kind": "late_arrival", "probability": 0.08, "visible_only": True, "seconds": 2.0},
    {"kind": "late_arrival", "probability": 0.05, "visible_only": True, "seconds": 1.0, "status": 503},
    {"kind": "lagging_listing", "probability": 0.2, "visible_only": True, "seconds": 2.0},
    {"kind": "slow", "probability": 0.3, "visible_only": True, "seconds": 0.3},  # so that kills hit sends
    {"kind": "slow", "probability": 0.05, "seconds": 0.7},
    {"kind": "slow", "probability": 0.02, "seconds": 1.5},
    {"kind": "429", "probability": 0.03, "path": _NO_TOKENS},
    {"kind": "5xx", "probability": 0.04, "path": _NO_TOKENS},
    {"kind": "drop_before", "probability": 0.04, "path": _NO_TOKENS},
    {"kind": "html", "probability": 0.02, "path": _NO_TOKENS},
    {"kind": "reset", "probability": 0.03, "method": "GET"},
    {"kind": "half_answer", "probability": 0.03, "method": "GET"},
)


def shorten_times() -> None:
    """In a child: the protocol's times, in proportion."""
    from socialcron import backoff
    from socialcron.batches import connection, desk, settling
    from socialcron.platforms import registry

    desk.LEASE_MARGIN_SECONDS = 2.0
    settling.LOOK_AGAIN_SECONDS = settling.TROUBLE_SECONDS = 2.0
    connection.DEFAULT_BLOCK_SECONDS = connection.REFRESH_WAIT_SECONDS = 2.0
    backoff.FIRST_SECONDS = 1.0
    for name in registry.names():
        kind: Any = type(registry.adapter(name))
        kind.declaration = replace(kind.declaration, settle_seconds=12)
    from_env = Settings.from_env

    def quick(environ: Mapping[str, str]) -> Settings:
        return replace(from_env(environ), lease_seconds=5, send_deadline_seconds=3)

    Settings.from_env = quick  # type: ignore[method-assign]


@dataclass(slots=True)
class Post:
    """What the application and the operators know of a post."""

    id: int
    platform: str
    texts: set[str]  # of its first step: any of these may be out
    rest: tuple[str, ...]  # thread parts, then perhaps the first comment
    comment: bool
    images: int
    stopped: bool = False  # a cancel was answered with done or requested
    quiet: list[tuple[float, float]] = field(default_factory=list)  # held, or put off: not out in these times
    held: bool = False


class Chaos:
    def __init__(
        self, world: World, remote: RemoteSandbox, home: Path, environment: Mapping[str, str], seed: int
    ) -> None:
        self.world, self.remote, self.home = world, remote, home
        self.environment = environment
        self.random = random.Random(seed)
        self.accounts: dict[int, str] = {}  # id -> platform as the sandbox calls it
        self.posts: dict[int, Post] = {}
        self.running: list[tuple[Child, float, signal.Signals | None]] = []
        self.counts: Counter[str] = Counter()
        self.exit_codes: Counter[int] = Counter()
        self.unexpected: list[str] = []
        self._tick = threading.Event()
        self._next_post = self._next_meddling = self._next_faults = 0.0
        self._next_restart = time.monotonic() + RESTART_SECONDS / 2

    # --- the application and the operators --------------------------------------------------------------------

    def connect(self) -> None:
        for platform, name, options in ACCOUNTS:
            self.accounts[self.world.account(platform, name, **options)] = platform
        self.accounts[self.world.account("stub")] = "stub"
        for account_id in self.accounts:  # log in while nothing goes wrong
            self.schedule(account_id, delay=0)
        self.until_quiet()

    def schedule(self, account_id: int, *, delay: float) -> None:
        number, platform = len(self.posts) + 1, self.accounts[account_id]
        thread, comment, images = [], None, 0
        match self.random.randrange(10):
            case 0 | 1:
                thread = [f"{number} part {part}" for part in range(2, 2 + self.random.randint(1, 2))]
                comment = f"{number} comment" if self.random.random() < 0.5 else None
            case 2 | 3:
                images = self.random.randint(1, 2)
        media = [{"source": f"{name}.png", "alt": name} for name in ("cat", "dog")[:images]]
        text = f"{number} as written"
        post_id = self.insist(
            lambda: self.world.post(
                account_id,
                text,
                due=f"now() + interval '{delay} seconds'",
                external_key=f"post-{number}",  # an insert whose answer was lost is repeated: not two posts
                thread=thread,
                first_comment=comment,
                media=media,
                max_attempts=100,
            )
        )
        rest = (*thread, *([comment] if comment else []))
        self.posts[post_id] = Post(post_id, platform, {text}, rest, comment is not None, images)

    def insist(self, work: Callable[[], Any]) -> Any:
        """Until the database is there."""
        while True:
            try:
                if self.world.db.is_broken:
                    self.world.db.reconnect()
                return work()
            except (psycopg.OperationalError, DatabaseUnavailable):
                self._tick.wait(0.05)

    def meddle(self) -> None:
        """Cancel, edit, hold, release or put off one of the latest posts."""
        post = self.posts[self.random.choice(list(self.posts)[-30:])]
        if post.stopped:
            return
        with suppress(DatabaseUnavailable, psycopg.OperationalError):
            if self.world.db.is_broken:
                self.world.db.reconnect()
            match self.random.randrange(6):
                case 0:
                    self.cancel(post)
                case 1 | 2:
                    self.edit(post)
                case 3:
                    self.hold(post)
                case 4:
                    self.release(post)
                case _:
                    self.put_off(post)

    def cancel(self, post: Post) -> None:
        answer = self.insist(lambda: steering.cancel_post(self.world.db, post.id))
        self.counts[f"cancel {answer}"] += 1
        post.stopped = answer != "too_late"

    def edit(self, post: Post) -> None:
        new = f"{post.id} edited {self.counts['edits']}"
        self.counts["edits"] += 1
        before, post.texts = post.texts, post.texts | {new}  # until we hear the answer
        edited = steering.edit_post(
            self.world.db, post.id, lambda content: replace(content, text=new), check=lambda *_: None
        )
        assert edited is not None
        self.counts[f"edit {edited.result}"] += 1
        post.texts = before if edited.result == "too_late" else {new}

    def hold(self, post: Post) -> None:
        if steering.hold_post(self.world.db, post.id) != "too_late" and not post.held:
            self.counts["holds"] += 1
            post.held = True
            post.quiet.append((time.time(), float("inf")))

    def release(self, post: Post) -> None:
        if post.held:
            post.quiet[-1] = (post.quiet[-1][0], time.time())
            post.held = False
            self.insist(lambda: steering.release_post(self.world.db, post.id))

    def put_off(self, post: Post) -> None:
        if post.held:
            return
        due_at = datetime.now(UTC) + timedelta(seconds=self.random.uniform(1, 5))
        answer = steering.reschedule_post(self.world.db, post.id, due_at)
        if answer is not None and answer[0] != "too_late":
            self.counts["put off"] += 1
            post.quiet.append((time.time(), due_at.timestamp()))

    # --- what goes wrong ----------------------------------------------------------------------------------------

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self.reap(now)
            while len(self.running) < SLOTS:
                self.start_run(now)
            if now >= self._next_post:
                self._next_post = now + self.random.expovariate(POSTS_PER_SECOND)
                self.schedule(self.random.choice(list(self.accounts)), delay=self.random.uniform(0, 3))
            if now >= self._next_meddling:
                self._next_meddling = now + self.random.uniform(0.1, 0.5)
                self.meddle()
            if now >= self._next_faults:
                self._next_faults = now + self.random.uniform(1, 4)
                self.remote.set_faults([f for f in FAULTS if self.random.random() < 0.5])
            if now >= self._next_restart:
                self._next_restart = now + self.random.uniform(0.5, 1.5) * RESTART_SECONDS
                self.restart_database(immediate=self.random.random() < 0.5)
            self._tick.wait(0.005)

    def start_run(self, now: float) -> None:
        fate, after = self.random.random(), self.random.uniform(0.02, 0.6)
        number = signal.SIGKILL if fate < 0.4 else signal.SIGTERM if fate < 0.5 else None
        child = (
            self.command("reset-stuck", "--json")
            if self.random.random() < 0.1
            else self.post_due("--limit", "10", "--look-ahead", "2")
        )
        self.running.append((child, now + after, number))

    def post_due(self, *options: str) -> Child:
        return self.command("post-due", "--json", "--grace", "2", "--max-runtime", "6", *options)

    def command(self, *arguments: str) -> Child:
        self.counts["runs"] += 1
        return children.start(arguments, self.environment, patch=shorten_times)

    def reap(self, now: float) -> None:
        left = []
        for child, moment, number in self.running:
            if ended := child.poll():
                self.note(ended)
                continue
            if number is not None and now >= moment:
                child.signal(number)
                self.counts["kills" if number == signal.SIGKILL else "terms"] += 1
                number = None
            left.append((child, moment, number))
        self.running = left

    def note(self, ended: Ended) -> None:
        self.exit_codes[ended.exit_code] += 1
        expected = (0, ExitCode.UNAVAILABLE, ExitCode.INTERRUPTED, -signal.SIGKILL, -signal.SIGTERM)
        if ended.exit_code not in expected:
            self.unexpected.append(f"exit code {ended.exit_code}\n{ended.log}")

    def restart_database(self, *, immediate: bool) -> None:
        self.counts["restarts"] += 1
        servers.stop(self.home, crash=immediate)
        servers.start(self.home)

    # --- the end ------------------------------------------------------------------------------------------------

    def calm_down(self) -> None:
        self.remote.set_faults([])
        while self.running:
            self.reap(time.monotonic())
            self._tick.wait(0.01)
        for post in self.posts.values():
            self.release(post)
        while self.remote.state()["late_pending"]:
            self._tick.wait(0.05)
        self.until_quiet()

    def until_quiet(self) -> None:
        open_posts = (
            "SELECT count(*) FROM socialcron.posts WHERE status IN ('scheduled', 'processing', 'unconfirmed')"
        )
        for _ in range(MOST_ROUNDS):
            ended = self.post_due("--limit", "300", "--look-ahead", "0").wait()
            assert ended.exit_code == 0, ended.log
            if not self.insist(lambda: self.world.value(open_posts)):
                return
            self.world.pass_time(STEP_MINUTES)
            self.remote.advance(STEP_MINUTES * 60)

    def verdict(self) -> list[str]:
        """Everything that is wrong, a line each."""
        state = self.remote.state()
        wrong = [*self.unexpected, *state["bugs"]]
        published: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for platform, place in state["platforms"].items():
            for item in place["posts"]:
                published.setdefault((platform, item["text"]), []).append(item)
        for post in self.posts.values():
            row = self.world.row(post.id)
            problem = self.problem_of(post, row, published)
            if problem:
                history = [
                    (a["step"], a["phase"], a["sends"], a["error"]) for a in self.world.attempts(post.id)
                ]
                wrong.append(
                    f"post {post.id} on {post.platform} {problem} ({row['status']}, {row['last_error']}): {history}"
                )
        known = {(p.platform, text) for p in self.posts.values() for text in (*p.texts, *p.rest)}
        wrong += [f"nobody wrote {key}" for key in published if key not in known]
        return wrong

    def problem_of(
        self, post: Post, row: Mapping[str, Any], published: Mapping[tuple[str, str], list[dict[str, Any]]]
    ) -> str | None:
        if post.stopped:
            items = [
                item
                for text in (*post.texts, *post.rest)
                for item in published.get((post.platform, text), ())
            ]
            self.counts["went out although cancelled"] += bool(items)
            return f"was to be cancelled: {items}" if items or row["status"] != "cancelled" else None
        if row["status"] != "posted" or row["incomplete_at_step"] is not None:
            self.counts["unconfirmed" if row["status"] == "unconfirmed" else "lost"] += 1
            return "is lost"
        if post.platform == "stub":
            return None
        firsts = [item for text in sorted(post.texts) for item in published.get((post.platform, text), ())]
        steps = [firsts, *(published.get((post.platform, text), []) for text in post.rest)]
        found = [len(step) for step in steps]
        if found != [1] * len(steps):
            self.counts["duplicates"] += sum(count > 1 for count in found)
            self.counts["lost"] += found.count(0)
            return f"is out {found} times"
        items = [step[0] for step in steps]
        ids = [item["id"] for item in items]
        parents = [None, *ids[:-1]]
        if post.comment:
            parents[-1] = ids[0]
        first = items[0]
        if [item["reply_to"] for item in items] != parents or len(first["media"]) != post.images:
            return f"is out of shape: {items}"
        if row["remote_id"] != ids[0]:
            return f"is {ids[0]} there"
        for begin, end in post.quiet:
            if begin + EARLY_SECONDS < first["created_at"] < end - EARLY_SECONDS:
                return f"went out at {first['created_at']}, between {begin} and {end}"
        return None


@pytest.fixture
def home() -> Iterator[Path]:
    """Where this test's own PostgreSQL lives."""
    with servers.private_server() as home:
        yield home


@pytest.fixture
def chaos(home: Path, tmp_path: Path) -> Iterator[Chaos]:
    environment = {
        "DATABASE_URL": embedded.url(home),
        "SOCIALCRON_SECRET_KEY": secrets.new_key(),
        "SOCIALCRON_MEDIA_ROOT": str(tmp_path),
        "SOCIALCRON_BREAKER_PER_HOUR": "1000000",
        "SOCIALCRON_CATCH_UP_CAP": "20",
        "STUCK_THRESHOLD_MINUTES": "0",
        "LOG_FORMAT": "json",
    }
    for name in ("cat", "dog"):
        (tmp_path / f"{name}.png").write_bytes(png(name))
    settings = Settings.from_env(environment)
    db = Database.connect(settings)
    migrate.migrate(db)
    remote = RemoteSandbox(SEED)
    remote.settings("x", duplicate_seconds=0)  # not to be saved by X's own guard
    world = World(db=db, settings=settings, sandbox=cast(Sandbox, remote))
    chaos = Chaos(world, remote, home, environment, SEED)
    yield chaos
    for child, _, _ in chaos.running:
        child.signal(signal.SIGKILL)
        child.wait()
    remote.stop()
    db.close()


def test_random_chaos__nothing_twice_and_nothing_lost(
    chaos: Chaos, record_property: Callable[[str, object], None]
) -> None:
    chaos.connect()
    chaos.run_for(SECONDS)
    chaos.calm_down()

    wrong = chaos.verdict()

    for phase, attempts in chaos.world.db.connection.execute(
        "SELECT phase, count(*) FROM socialcron.publish_attempts GROUP BY phase"
    ):
        chaos.counts[f"attempts {phase}"] = attempts
    chaos.counts["sent again"] = chaos.world.value(
        "SELECT count(*) FROM socialcron.publish_attempts WHERE sends > 1"
    )
    numbers = {
        name: chaos.counts[name]
        for name in ("runs", "kills", "terms", "restarts", "duplicates", "lost", "unconfirmed")
    }
    record_property(
        "summary", {"title": f"random chaos, CHAOS_SEED={SEED}", "posts": len(chaos.posts), **numbers}
    )
    print(sorted(chaos.counts.items()), sorted(chaos.exit_codes.items()))
    assert not wrong, f"CHAOS_SEED={SEED}: {len(wrong)} things are wrong\n" + "\n".join(wrong[:20])
