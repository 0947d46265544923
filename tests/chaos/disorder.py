"""An application, operators, hosts that die, a platform that lies and a database that restarts, all at once.

Real processes on a PostgreSQL and a sandbox of their own; what happens comes from one seeded random.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg

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

SEED = int(os.environ.get("CHAOS_SEED") or random.Random(os.environ[RUN_HOME]).randrange(1_000_000))
STEP_MINUTES = 4.0
MOST_ROUNDS = 40
PLATFORMS = ("mastodon", "mastodon-nokey", "bluesky", "x")
OPEN = """
SELECT count(*) FROM socialcron.posts
 WHERE status IN ('scheduled', 'processing') OR (status = 'unconfirmed' AND reconcile_at IS NOT NULL)
"""


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


class Disorder(ABC):
    """A world in which everything goes wrong; who inherits says when."""

    max_attempts = 100
    patch: Callable[[], None] | None = None  # called in each child

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

    # --- the application and the operators --------------------------------------------------------------------

    def schedule(self, account_id: int, *, delay: float) -> None:
        number, platform = len(self.posts) + 1, self.accounts[account_id]
        thread, comment, images = [], None, 0
        kind = self.random.randrange(10) if platform in PLATFORMS else 9  # elsewhere text only
        match kind:
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
                max_attempts=self.max_attempts,
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

    # --- runs and what goes wrong -------------------------------------------------------------------------------

    def post_due(self, *options: str) -> Child:
        return self.command("post-due", "--json", "--grace", "2", "--max-runtime", "6", *options)

    def command(self, *arguments: str) -> Child:
        self.counts["runs"] += 1
        return children.start(arguments, self.environment, patch=self.patch)

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

    def let_requests_arrive(self) -> None:
        """Those of runs that were killed, and the late ones."""
        while any(self.remote.pending()):
            self._tick.wait(0.02)

    # --- the end ------------------------------------------------------------------------------------------------

    def calm_down(self) -> None:
        self.remote.set_faults([])
        while self.running:
            self.reap(time.monotonic())
            self._tick.wait(0.01)
        for post in self.posts.values():
            self.release(post)
        self.let_requests_arrive()
        self.until_quiet()

    def until_quiet(self) -> None:
        """Until every post is where it ends, or waits for a person."""
        for _ in range(MOST_ROUNDS):
            ended = self.post_due("--limit", "300", "--look-ahead", "0").wait()
            assert ended.exit_code == 0, ended.log
            if not self.insist(lambda: self.world.value(OPEN)):
                return
            self.world.pass_time(STEP_MINUTES)
            self.remote.advance(STEP_MINUTES * 60)

    def published(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """What is on the sandbox's side, by platform and text."""
        state = self.remote.state()
        self.unexpected += state["bugs"]
        published: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for platform, place in state["platforms"].items():
            for item in place["posts"]:
                published.setdefault((platform, item["text"]), []).append(item)
        return published

    def verdict(self) -> list[str]:
        """Everything that is wrong, a line each."""
        published = self.published()
        wrong = [*self.unexpected]
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

    @abstractmethod
    def problem_of(
        self, post: Post, row: Mapping[str, Any], published: Mapping[tuple[str, str], list[dict[str, Any]]]
    ) -> str | None:
        """None: all is well with this post."""


D = TypeVar("D", bound=Disorder)


@contextmanager
def disorder(kind: type[D], folder: Path, **settings: str) -> Iterator[D]:
    """In a world of its own. folder: for media."""
    with servers.private_server() as home:
        environment = {
            "DATABASE_URL": embedded.url(home),
            "SOCIALCRON_SECRET_KEY": secrets.new_key(),
            "SOCIALCRON_MEDIA_ROOT": str(folder),
            "SOCIALCRON_BREAKER_PER_HOUR": "1000000",
            "STUCK_THRESHOLD_MINUTES": "0",
            "LOG_FORMAT": "json",
            **settings,
        }
        for name in ("cat", "dog"):
            (folder / f"{name}.png").write_bytes(png(name))
        loaded = Settings.from_env(environment)
        db = Database.connect(loaded)
        migrate.migrate(db)
        remote = RemoteSandbox(SEED)
        remote.settings("x", duplicate_seconds=0)  # not to be saved by X's own guard
        made = kind(
            World(db=db, settings=loaded, sandbox=cast(Sandbox, remote)), remote, home, environment, SEED
        )
        try:
            yield made
        finally:
            for child, _, _ in made.running:
                child.signal(signal.SIGKILL)
                child.wait()
            remote.stop()
            db.close()
