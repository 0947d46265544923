"""The page of `report --html`, as a browser sees it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from socialcron.batches.reporting import short_number
from socialcron.store.reporting import COUNTS
from tests.browser import Page, chromium
from tests.conftest import Cli, Ran
from tests.world import World

HOSTILE = (
    "</script><script>document.title = 'owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "{{ 7 * 7 }} & 'quotes' \"double\" <!--",
    "\u202eright to left override",
    "مرحبا بالعالم, from Cairo",
    "a" * 250,
    "🙂👩‍👩‍👧 \x07 bell",
)
WORDS = (
    "New: winter hours from Monday on. Come in for a hot chocolate while the snow lasts.",
    "How we bake 400 loaves before six in the morning",
    "Three things about queues that nobody tells you before you run one",
    "Thank you for 10,000 followers!",
    "The sun over the sea, 6:41",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture
def bakery(world: World) -> World:
    """Fifty posts of eleven weeks with their readings, hostile texts among them; plans, failures, runs, profiles."""
    accounts = [
        world.account("stub", "corner.bakery"),
        world.account("mastodon", "@bakery@example.social"),
        world.account("bluesky", "<b>bakery</b>.example"),
    ]
    for number, text in enumerate([*HOSTILE, *WORDS * 9][:50]):
        world.post(accounts[number % 3], text, due=f"now() - interval '{number * 38 + 3} h'")
    world.run(
        "UPDATE socialcron.posts SET status = 'posted', posted_at = due_at + interval '2 s', attempt = 1"
    )
    world.run("UPDATE socialcron.posts SET url = 'javascript:alert(1)' WHERE id = 1")
    world.run("UPDATE socialcron.posts SET url = 'https://social.example/?a=1&b=\"2' WHERE id = 2")
    ensure_months(world, "100 d")
    world.run(READINGS)
    for number in range(12):
        world.post(accounts[number % 3], WORDS[number % 5], due=f"now() + interval '{number * 31 + 5} h'")
    for status, days in (("failed", 2), ("failed", 9), ("missed", 4), ("unconfirmed", 1)):
        post = world.post(accounts[0], f"{status} <i>one</i>", due=f"now() - interval '{days} d'")
        world.run(
            "UPDATE socialcron.posts SET status = %s, error_class = 'invalid_content', last_error = %s WHERE id = %s",
            status,
            "the image is 12 MB, 8 MB are allowed: <b>cake.png</b>",
            post,
        )
    world.run(
        "UPDATE socialcron.accounts SET status = 'needs_reconnect', last_error = 'revoked' WHERE id = 3"
    )
    for statement in (RUNS, PROFILES, TOTALS, PROFILE_POSTS):
        world.run(statement)
    return world


def ensure_months(world: World, back: str) -> None:
    world.run(
        """SELECT socialcron.ensure_partitions('post_metrics', VARIADIC ARRAY(
                  SELECT generate_series(now() - %s::interval, now() + interval '20 d', '20 d')))""",
        back,
    )


# Hourly on the first day, daily after; no views on Mastodon and Bluesky, no shares on Bluesky, saves nowhere.
READINGS = """
    INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at, views, likes, comments, shares)
    SELECT p.id, p.account_id, p.posted_at + age, p.posted_at + age,
           CASE WHEN p.account_id = 1 THEN floor(reach * 40) END, floor(reach), floor(reach / 9),
           CASE WHEN p.account_id < 3 THEN floor(reach / 5) END
      FROM socialcron.posts AS p, generate_series(1, 24 + 78) AS n,
           LATERAL (SELECT CASE WHEN n <= 24 THEN n * interval '1 h' ELSE (n - 23) * interval '1 d' END) AS a (age),
           LATERAL (SELECT extract(epoch FROM age) / 86400) AS d (days),
           LATERAL (SELECT (300 + p.id * 7919 % 4000) * (1 - exp(-days / (2.0 + p.id % 5)))) AS r (reach)
     WHERE p.posted_at + age <= now()
"""
RUNS = """
    INSERT INTO socialcron.runs (command, host, started_at, finished_at, exit_code, idle, outcome) VALUES
    ('post-due', 'a', now() - interval '70 s', now() - interval '60 s', 0, false, '{"claimed": 3, "posted": 3}'),
    ('collect-metrics', 'a', now() - interval '9 min', now() - interval '8 min', 0, true, '{}'),
    ('trigger-monitoring', 'b', now() - interval '3 h', now() - interval '3 h', 69, false, '{}')
"""
PROFILES = """
    INSERT INTO socialcron.profiles
           (platform, handle, last_run_at, posts, views, likes, comments, shares, saves) VALUES
    ('tiktok', 'corner.bakery', now(), 210, 1234567, 98765, 4321, 987, 0),
    ('instagram', '"><script>document.title = 1</script>', now(), 40, NULL, 1200, 80, NULL, NULL),
    ('youtube', 'never read', NULL, 0, NULL, NULL, NULL, NULL, NULL)
"""
TOTALS = """
    INSERT INTO socialcron.monitoring_runs (profile_id, status, finished_at, total_posts, total_views, total_likes,
           total_comments, total_shares, total_saves)
    SELECT f.id, 'completed', now() - n * interval '1 d', f.posts, f.views - n * 9000 - n * n * 20, f.likes - n * 12,
           f.comments - n / 2, f.shares, f.saves
      FROM socialcron.profiles AS f, generate_series(80, 0, -1) AS n WHERE f.posts > 0
"""
PROFILE_POSTS = """
    INSERT INTO socialcron.profile_posts (profile_id, remote_id, url, caption, views, first_seen_at, last_seen_at)
    SELECT 1, n, 'https://tiktok.example/' || n, 'Cake number <u>' || n || '</u> of the winter', n * 5000, now(), now()
      FROM generate_series(1, 9) AS n
"""


@pytest.fixture
def report(cli: Cli, tmp_path: Path) -> Any:
    def write(*options: object) -> tuple[Path, Ran]:
        path = tmp_path / "report.html"
        ran = cli("report", "--html", path, "--json", *options)
        assert ran.exit_code == 0, ran.error
        return path, ran

    return write


def rows(world: World, query: str) -> list[Any]:
    return world.db.connection.execute(query.encode()).fetchall()


WIDTHS = [(1280, False), (1280, True), (390, False), (390, True)]


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_report__renders_without_a_complaint_on_desk_and_phone_by_day_and_night(
    bakery: World, report: Any, browser: Page, tmp_path: Path, width: int, dark: bool
) -> None:
    path, _ = report()

    browser.open(path, width=width, dark=dark)

    assert browser.complaints == []
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value("document.querySelectorAll('.chart canvas').length") == 1 + 12 + 2
    shot = Image.open(io.BytesIO(browser.screenshot(tmp_path / "page.png"))).convert("RGB")
    assert shot.width == width
    paper = shot.getpixel((2, 2))
    assert isinstance(paper, tuple)
    assert (sum(paper) < 150) is dark
    for top in range(0, shot.height - 400, 400):  # something everywhere
        assert len(shot.crop((0, top, width, top + 400)).getcolors(1 << 24) or ()) > 20, top


def test_report__has_the_numbers_of_the_database(bakery: World, report: Any, browser: Page) -> None:
    path, ran = report()
    browser.open(path, width=1280)

    shown = browser.value(
        """Object.fromEntries([...document.querySelectorAll("[data-post]")].map(card =>
               [card.dataset.post, [...card.querySelectorAll("dd")].map(part => part.title)]))"""
    )
    latest = rows(
        bakery, "SELECT post_id, views, likes, comments, shares, saves FROM socialcron.latest_metrics"
    )
    assert shown == {str(id): ["–" if v is None else f"{v:,}" for v in values] for id, *values in latest}
    sums = browser.value("[...document.querySelectorAll('[data-sum]')].map(part => part.title)")
    assert sums == [
        "–" if v is None else f"{v:,}"
        for (v,) in rows(
            bakery,
            """SELECT sum(v) FROM socialcron.latest_metrics,
                      LATERAL (VALUES (1, views), (2, likes), (3, comments), (4, shares), (5, saves)) AS c (n, v)
                GROUP BY n ORDER BY n""",
        )
    ]
    assert (ran.data["posts"], ran.data["profiles"]) == (50, 3)
    assert ran.data["readings"] == bakery.value("SELECT count(*) FROM socialcron.post_metrics")


def test_report__draws_every_reading_of_the_database(bakery: World, report: Any, browser: Page) -> None:
    path, _ = report()
    browser.open(path, width=1280)
    browser.value("document.getElementById('more').click()")

    drawn = browser.value(
        """Object.fromEntries([...document.querySelectorAll("[data-series]")].map(place =>
               [place.dataset.series, [...place.chart.data].map(column => [...column])]))"""
    )
    stored = rows(
        bakery,
        """SELECT post_id, array_agg(floor(extract(epoch FROM read_at) / 60)::bigint * 60 ORDER BY slot_at),
                  array_agg(coalesce(views, likes) ORDER BY slot_at)
             FROM socialcron.post_metrics GROUP BY post_id""",
    )
    assert drawn == {str(id): [moments, values] for id, moments, values in stored}

    totals = browser.value("[...document.querySelector('[data-totals=\"1\"]').chart.data[1]]")
    assert totals == [
        v
        for (v,) in rows(
            bakery, "SELECT total_views FROM socialcron.monitoring_runs WHERE profile_id = 1 ORDER BY id"
        )
    ]


def test_report__adds_up_what_was_gained_per_day_as_the_view_does(
    bakery: World, report: Any, browser: Page
) -> None:
    path, _ = report()
    browser.open(path, width=1280)
    drawn = browser.value("[...document.querySelector('[data-gained]').chart.data[1]]")
    gained = rows(
        bakery,
        """SELECT day, sum(coalesce(views_gained, views))::bigint
             FROM socialcron.metrics_growth_per_day WHERE views IS NOT NULL GROUP BY day ORDER BY day""",
    )
    assert [value for value in drawn if value] == [value for _, value in gained if value]
    assert sum(drawn) == bakery.value("SELECT sum(views) FROM socialcron.latest_metrics")


def test_report__counts_the_queue_and_the_calendar_as_the_database_does(
    bakery: World, report: Any, browser: Page, cli: Cli
) -> None:
    path, _ = report()
    browser.open(path, width=1280)

    status = cli("status", "--json").data
    shown = browser.value(
        """Object.fromEntries([...document.querySelectorAll("[data-status]")].map(e =>
               [e.dataset.status, +e.textContent]))"""
    )
    assert shown == status["posts"]
    for name, counts in status["queues"].items():
        cells = browser.value(
            f"""Object.fromEntries([...document.querySelectorAll('[data-queue={name}]')].map(e =>
                    [e.dataset.countOf, +e.textContent]))"""
        )
        assert cells == {word: counts[word] for word in cells}
        assert len(cells) == 6
    days = browser.value(
        """[...document.querySelectorAll("[data-day]")].map(({ dataset: d }) =>
               [d.day, +d.posted, +d.scheduled, +d.trouble])"""
    )
    assert days == [
        list(row)
        for row in rows(
            bakery,
            """SELECT day::date::text, count(*) FILTER (WHERE status = 'posted'),
                      count(*) FILTER (WHERE status = 'scheduled'),
                      count(*) FILTER (WHERE status IN ('failed', 'missed', 'unconfirmed'))
                 FROM socialcron.posts, LATERAL (SELECT coalesce(posted_at, due_at) AT TIME ZONE 'UTC') AS d (day)
                GROUP BY day::date ORDER BY day::date""",
        )
    ]
    text = browser.value("document.body.innerText")
    assert "1 account to reconnect. 3 posts did not go out in the last 7 days." in text


def test_report__lets_no_text_become_markup_or_script(bakery: World, report: Any, browser: Page) -> None:
    path, _ = report("--title", HOSTILE[0])
    browser.open(path, width=1280)

    assert browser.complaints == []
    assert browser.value("document.title") == HOSTILE[0]
    assert browser.value("document.querySelectorAll('img, i, u, b.example, iframe').length") == 0
    assert browser.value("document.scripts.length") == 2
    hrefs = browser.value("[...document.links].map(link => link.getAttribute('href'))")
    assert 'https://social.example/?a=1&b="2' in hrefs
    assert all(href.startswith(("#", "https://")) for href in hrefs)
    texts = browser.value(
        "[...document.querySelectorAll('[data-post] .text')].map(text => text.textContent.trim())"
    )
    assert texts[: len(HOSTILE)] == [text.strip() for text in HOSTILE]
    # Even a script that found its way in would not run.
    browser.value(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))"
    )
    assert browser.value("document.title") == HOSTILE[0]
    assert "Content Security Policy" in browser.complaints[0]


def test_report__asks_no_network_and_holds_a_year_of_fifty_posts_in_little_room(
    world: World, report: Any, browser: Page
) -> None:
    account = world.account("stub", "me")
    for number in range(50):
        world.post(
            account, f"{number} " + "words " * 60, due=f"now() - interval '366 d' + interval '{number} h'"
        )
    world.run(
        "UPDATE socialcron.posts SET status = 'posted', posted_at = due_at, url = 'https://s.example/' || id"
    )
    ensure_months(world, "400 d")
    world.run(
        """INSERT INTO socialcron.post_metrics
                  (post_id, account_id, slot_at, read_at, views, likes, comments, shares, saves)
           SELECT p.id, 1, at, at, 1e7 + n * 1e4, 1e6 + n, 1e6 + n, 1e6 + n, 1e6 + n
             FROM socialcron.posts AS p, generate_series(1, 4 * 365) AS n,
                  LATERAL (SELECT p.posted_at + n * interval '6 h') AS s (at)"""
    )

    path, ran = report("--from", f"{world.value('SELECT now()::date - 370')}")

    assert ran.data["readings"] == 50 * 4 * 365
    assert path.stat().st_size == ran.data["bytes"] < 1_500_000
    browser.open(path, width=1280)
    assert browser.complaints == []
    ends = browser.value(
        """[...document.querySelectorAll("[data-series]")].filter(place => place.chart).map(({ chart: { data } }) =>
               [data[0].length, data[1][0], data[1].at(-1)])"""
    )
    assert ends == [[366, 10_010_000, 24_600_000]] * 12  # thinned between the first and the last


def test_report__tells_the_reading_under_the_cursor(bakery: World, report: Any, browser: Page) -> None:
    path, _ = report()
    browser.open(path, width=1280)
    place = "document.querySelector('[data-series=\"10\"]')"  # post 10 is of account 1, which has views
    browser.value(f"{place}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    browser.value(f"window.area = {place}.querySelector('.u-over').getBoundingClientRect()")
    right, middle = browser.value("[area.right - 2, area.top + area.height / 2]")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=right, y=middle)
    browser.value("new Promise(done => requestAnimationFrame(done))")
    (latest,) = rows(
        bakery, "SELECT views, likes, comments, shares FROM socialcron.latest_metrics WHERE post_id = 10"
    )
    said = browser.value(f"{place}.querySelector('.tip').innerText").split("\n")
    assert said[1:] == [part for name, v in zip(COUNTS, latest, strict=False) for part in (name, f"{v:,}")]


def test_report__shows_the_count_that_is_chosen_and_all_posts_when_asked(
    bakery: World, report: Any, browser: Page
) -> None:
    path, _ = report()
    browser.open(path, width=390)
    browser.value("document.querySelector('[data-show=likes]').click()")
    assert browser.value("document.querySelector('[data-label]').textContent") == "likes"
    lit = "[...document.querySelectorAll('[data-post] .on dt')].filter(e => e.offsetWidth).map(e => e.textContent)"
    assert browser.value(lit) == ["likes"] * 12
    browser.value("document.getElementById('more').click()")
    assert browser.value(lit) == ["likes"] * 50
    assert browser.value("document.querySelectorAll('.chart canvas').length") == 1 + 50 + 2
    assert browser.complaints == []


def test_report__names_the_posts_of_a_day_in_the_zone_of_tz(
    world: World, report: Any, browser: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser's own zone is New York's."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    account = world.account("stub", "me")
    day = world.value("SELECT ((now() AT TIME ZONE 'Asia/Tokyo')::date + 3)::text")
    for number in range(3):
        world.post(account, f"<b>early {number}</b>", due=f"'{day} 00:30 Asia/Tokyo'")
    path, _ = report()
    browser.open(path, width=390)
    assert browser.value("[...document.querySelectorAll('[data-day]')].map(e => e.dataset.day)") == [day]

    browser.value("document.querySelector('[data-day]').click()")

    said = browser.value("document.getElementById('day').innerText")
    assert said.count("00:30") == 3
    assert "<b>early 2</b>" in said
    assert "stub me" in said


def test_report__is_light_on_paper_even_at_night(
    bakery: World, report: Any, browser: Page, tmp_path: Path
) -> None:
    path, _ = report()
    browser.open(path, width=800, dark=True)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", media="print", features=features)
    shot = Image.open(io.BytesIO(browser.screenshot(tmp_path / "paper.png"))).convert("RGB")
    assert shot.getpixel((2, 2)) == (255, 255, 255)
    assert browser.pdf().startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="", features=features)
    assert browser.complaints == []


def test_report__of_nothing_says_so(world: World, report: Any, browser: Page) -> None:
    path, ran = report()
    browser.open(path, width=390)
    text = browser.value("document.body.innerText")
    for words in (
        "Everything is on time",
        "Nothing has run yet.",
        "Nothing is scheduled before",
        "No readings of posts",
        "No profile is monitored.",
    ):
        assert words in text
    assert browser.complaints == []
    assert (ran.data["posts"], ran.data["readings"]) == (0, 0)


def test_report__says_what_it_cannot_use(world: World, cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    for options, code, said in (
        (["--from", "soon"], 65, "soon"),
        (["--from", "2020-01-01", "--to", "2026-01-01"], 65, "three years"),
        (["--posts", "0"], 2, "--posts"),
    ):
        ran = cli("report", "--html", page, *options)
        assert (ran.exit_code, ran.stdout, page.exists()) == (code, "", False)
        assert said in ran.stderr
    assert "cannot write" in cli("report", "--html", tmp_path / "no" / "page.html").stderr
    assert cli("report").exit_code == 2
    assert cli("report", "--html", page).stdout.startswith(f"{page}: 0 posts and 0 profiles, 0 readings, ")
    cli("profiles", "add", "tiktok", "nasa")
    assert cli("report", "--html", page).stdout.startswith(f"{page}: 0 posts and 1 profile, 0 readings, ")


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--html", "page.html"],
        ["export", "metrics"],
        ["metrics", "list"],
        ["metrics", "show", 1],
        ["status"],
    ],
)
def test_looking__needs_a_replica_only(
    world: World, cli: Cli, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, words: list[Any]
) -> None:
    world.post(world.account("stub"), "out")
    world.run("UPDATE socialcron.posts SET status = 'posted', posted_at = now()")
    monkeypatch.setenv("SOCIALCRON_READ_URL", environment["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert cli(*words).exit_code == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0"),
        (9_999, "9,999"),
        (12_345, "12.3k"),
        (123_456, "123k"),
        (1_234_567, "1.23M"),
        (2**60, "1,152,922T"),
    ],
)
def test_short_number__has_three_digits_and_a_letter(value: int | None, shown: str) -> None:
    assert short_number(value) == shown
