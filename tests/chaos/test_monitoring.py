"""A monitoring run that is killed: whoever comes next goes on at its page and ends with the rows it would have had."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest

from socialcron.batches import monitoring as batch
from socialcron.sandbox.scrapecreators import KEY
from tests.chaos import children
from tests.chaos.children import Child, Ended, Harm, Trap
from tests.world import World

COMMAND = ("trigger-monitoring", "--json", "--concurrency", "1")
COUNTS = "views, likes, shares, comments, saves"
# Everything a run leaves behind, without what tells one try from another: ids and moments.
LEFT_BEHIND = (
    f"SELECT posts, {COUNTS}, error_class, claim_token, lease_until, next_run_at > now() FROM socialcron.profiles",
    f"SELECT remote_id, url, caption, published_at, cover_url, thumbnail_url, {COUNTS}, first_seen_at = last_seen_at"
    " FROM socialcron.profile_posts ORDER BY remote_id",
    "SELECT remote_id, m.views, m.likes, m.shares, m.comments, m.saves, m.read_at = p.last_seen_at"
    " FROM socialcron.profile_post_metrics AS m JOIN socialcron.profile_posts AS p ON p.id = m.post_id"
    " ORDER BY remote_id",
    "SELECT status, manual, pages, posts, error_class, error, total_posts, total_views, total_likes, total_shares,"
    " total_comments, total_saves FROM socialcron.monitoring_runs",
)


class Watched:
    """One profile on the sandbox, whose numbers stand still, watched anew for each try."""

    def __init__(self, world: World, environment: dict[str, str], **profile: Any) -> None:
        self._world = world
        self._environment = environment | {
            "SCRAPECREATORS_API_KEY": KEY,
            "SOCIALCRON_SCRAPECREATORS_URL": world.sandbox.url("scrapecreators"),
        }
        world.sandbox.account("scrapecreators", "ana", **profile)
        world.sandbox.settings("scrapecreators", counted_at=world.sandbox.clock.now() + 1800)

    def anew(self) -> None:
        self._world.run(
            "DELETE FROM socialcron.profile_post_metrics; DELETE FROM socialcron.profiles;"
            "INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', 'ana')"
        )

    def start(self, trap: Trap | None = None) -> Child:
        return children.start(COMMAND, self._environment, trap, patch=_hurry)

    def run(self, trap: Trap | None = None) -> Ended:
        return self.start(trap).wait()

    def resume(self) -> Ended:
        """By the next run, after the lease of the one that died."""
        self._world.run(
            "UPDATE socialcron.profiles SET lease_until = now() - interval '1 second' WHERE claim_token IS NOT NULL"
        )
        return self.run()

    def rows(self) -> list[list[tuple[Any, ...]]]:
        return [self._world.db.connection.execute(query.encode()).fetchall() for query in LEFT_BEHIND]

    @property
    def pages_asked(self) -> int:
        state = self._world.sandbox.state("scrapecreators")["platforms"]["scrapecreators"]
        return int(state["requests"].get("GET /v3/tiktok/profile/videos", 0))


def _hurry() -> None:
    batch.PAUSE_SECONDS = 0.0


def calls_of_page(calls: Sequence[str], page: int) -> range:
    """Numbers (1-based) of the calls from asking for a page to having committed it."""
    asked = [number for number, name in enumerate(calls, 1) if name.startswith("http GET")]
    return range(asked[page - 1], asked[page])


@pytest.mark.parametrize("point", ["the page was asked for", "half of it was written", "it was committed"])
def test_a_profile_of_ten_thousand_posts__killed_at_page_40_ends_with_the_same_rows(
    world: World, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setattr(children, "CHILD_SECONDS", 240)  # 3 to 7 s, on a host that has nothing else to do
    watched = Watched(world, environment, posts=10_000, per_page=100, hours=1)
    watched.anew()
    whole = watched.run()
    assert whole.data == {
        "claimed": 1,
        "completed": 1,
        "cut_short": 0,
        "failed": 0,
        "released": 0,
        "pages": 100,
        "posts": 10_000,
    }
    expected, asked = watched.rows(), watched.pages_asked
    assert (len(expected[1]), len(expected[2])) == (10_000, 10_000)

    watched.anew()
    page = calls_of_page(whole.calls, 40)
    number = {
        "the page was asked for": page[0],
        "half of it was written": page[0] + 3,
        "it was committed": page[-1],
    }[point]
    killed = watched.run(Trap(number, "after"))
    assert killed.exit_code == -9, killed.log
    resumed = watched.resume()
    assert resumed.data["completed"] == 1, resumed.log
    assert resumed.data["pages"] == (60 if point == "it was committed" else 61)
    assert watched.rows() == expected
    again = 0 if point == "it was committed" else 1
    assert watched.pages_asked == asked + 100 + again, "no page that was stored is paid for twice"


def test_a_run__killed_at_any_call_of_a_page_or_of_its_end_leaves_the_same_rows(
    world: World, environment: dict[str, str]
) -> None:
    watched = Watched(world, environment, posts=25, per_page=10)
    watched.anew()
    whole = watched.run()
    expected = watched.rows()
    begin = 1 if os.environ.get("CHAOS_FULL") else calls_of_page(whole.calls, 2)[0]
    harms: tuple[Harm, ...] = ("before", "after", "lost", "never")
    for number in range(begin, len(whole.calls) + 1):
        for harm in harms if os.environ.get("CHAOS_FULL") else harms[:2]:
            watched.anew()
            killed = watched.run(Trap(number, harm))
            assert (killed.exit_code == -9) == (harm in ("before", "after")), killed.log
            watched.resume()
            assert watched.rows() == expected, f"{harm} call {number}, {whole.calls[number - 1]}"


def test_three_runs_at_once__read_every_profile_exactly_once(
    world: World, environment: dict[str, str]
) -> None:
    watched = Watched(world, environment, posts=1)
    for number in range(20):
        world.sandbox.account("scrapecreators", f"p{number}", posts=15, per_page=10)
        world.run("INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', %s)", f"p{number}")
    together = [watched.start() for _ in range(3)]
    ended = [child.wait() for child in together]
    assert [child.exit_code for child in ended] == [0, 0, 0], [child.log for child in ended]
    assert sum(child.data["completed"] for child in ended) == 20
    runs = (
        "SELECT count(DISTINCT profile_id), sum(pages)::int, sum(posts)::int FROM socialcron.monitoring_runs"
    )
    assert world.db.connection.execute(runs.encode()).fetchall() == [(20, 40, 300)]
    assert watched.pages_asked == 40
