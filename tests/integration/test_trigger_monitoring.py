"""trigger-monitoring and `profiles ...` against the stand-in of ScrapeCreators, over real HTTP."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from socialcron.batches import monitoring as batch
from socialcron.sandbox.scrapecreators import KEY
from socialcron.store import monitoring
from tests.conftest import Cli
from tests.world import World

PROVIDER = "scrapecreators"
Watch = Callable[..., int]


@pytest.fixture(autouse=True)
def provider(world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in behind the setting; our own pace is that of a test."""
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
    monkeypatch.setenv("SOCIALCRON_SCRAPECREATORS_URL", world.sandbox.url(PROVIDER))
    monkeypatch.setattr(batch, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(batch, "RETRY_SECONDS", 0.01)


@pytest.fixture
def watch(world: World, cli: Cli) -> Watch:
    """Make a profile on the sandbox and watch it; its id."""

    def watch(handle: str = "ana", platform: str = "tiktok", **options: Any) -> int:
        world.sandbox.account(PROVIDER, handle, on=platform, **options)
        return int(cli("profiles", "add", platform, handle, "--json").data["profile"]["id"])

    return watch


def trigger(cli: Cli, *options: object) -> dict[str, Any]:
    ran = cli("trigger-monitoring", "--json", *options)
    assert ran.exit_code == 0, ran.stderr
    data: dict[str, Any] = ran.data
    return data


def pass_time(world: World, hours: float) -> None:
    step = f"interval '{hours} hours'"
    world.sandbox.advance(hours * 3600)
    world.run(
        "SELECT socialcron.ensure_partitions('profile_post_metrics', VARIADIC"
        "  ARRAY(SELECT generate_series(now() - interval '3 months', now(), interval '1 month')))"
    )
    world.run(
        f"UPDATE socialcron.profiles SET next_run_at = next_run_at - {step}, lease_until = lease_until - {step},"
        f" last_run_at = last_run_at - {step}, requested_at = requested_at - {step};"
        f"UPDATE socialcron.monitoring_runs SET started_at = started_at - {step}, finished_at = finished_at - {step};"
        f"UPDATE socialcron.profile_posts SET first_seen_at = first_seen_at - {step},"
        f" last_seen_at = last_seen_at - {step};"
        f"UPDATE socialcron.profile_post_metrics SET read_at = read_at - {step}"
    )


def rows(world: World, query: str) -> list[tuple[Any, ...]]:
    return world.db.connection.execute(query.encode()).fetchall()


def latest(world: World) -> tuple[Any, ...]:
    (row,) = rows(
        world,
        "SELECT status, pages, posts, error_class, error FROM socialcron.monitoring_runs ORDER BY id DESC LIMIT 1",
    )
    return row


def requests(world: World) -> int:
    return sum(world.sandbox.state(PROVIDER)["platforms"][PROVIDER]["requests"].values())


def test_trigger_monitoring__an_idle_run_says_nothing_and_needs_no_key(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCRAPECREATORS_API_KEY")
    assert (cli("trigger-monitoring").stdout, cli("trigger-monitoring").exit_code) == ("", 0)
    assert rows(world, "SELECT DISTINCT command, idle FROM socialcron.runs") == [("trigger-monitoring", True)]


def test_trigger_monitoring__without_a_key_says_where_it_is(
    cli: Cli, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch()
    monkeypatch.delenv("SCRAPECREATORS_API_KEY")
    ran = cli("trigger-monitoring", "--json")
    assert (ran.exit_code, "SCRAPECREATORS_API_KEY" in ran.error["message"]) == (78, True)


@pytest.mark.parametrize(
    ("platform", "posts", "pages", "unreported"),
    [
        ("tiktok", 45, 3, []),
        ("instagram", 45, 3, ["shares", "saves"]),
        ("youtube", 45, 3, ["shares", "saves"]),
        ("x", 100, 1, []),
    ],
)
def test_trigger_monitoring__reads_every_page_of_a_profile(
    world: World, cli: Cli, watch: Watch, platform: str, posts: int, pages: int, unreported: list[str]
) -> None:
    profile_id = watch(platform=platform, posts=posts, **({"shorts": 5} if platform == "youtube" else {}))
    pass_time(world, 0.5)
    data = trigger(cli)
    assert (data["completed"], data["pages"], data["posts"]) == (1, pages, posts)
    assert latest(world) == ("completed", pages, posts, None, None)
    assert requests(world) == pages
    profile = monitoring.read_profile(world.db, profile_id)
    assert profile.posts == posts
    counts = {name: getattr(profile, name) for name in ("views", "likes", "shares", "comments", "saves")}
    assert [name for name, number in counts.items() if number is None] == unreported
    sums = rows(world, "SELECT count(*), sum(views), sum(likes) FROM socialcron.profile_post_metrics")
    assert sums == [(posts, profile.views, profile.likes)]
    assert trigger(cli)["claimed"] == 0


def test_trigger_monitoring__history_grows_and_new_posts_are_added(
    world: World, cli: Cli, watch: Watch
) -> None:
    profile_id = watch(posts=30, hours=12)
    for _ in range(3):
        trigger(cli)
        pass_time(world, 24)
    runs = monitoring.read_runs(world.db, profile_id, limit=9)
    assert [run.total_posts for run in runs] == [34, 32, 30]
    views = [run.total_views or 0 for run in runs]
    assert views == sorted(views, reverse=True)
    assert len(set(views)) == 3
    assert rows(world, "SELECT count(*) FROM socialcron.profile_post_metrics") == [(30 + 32 + 34,)]
    oldest = monitoring.read_posts(world.db, profile_id, limit=99)[-1]
    readings = monitoring.read_post_history(world.db, oldest.id, limit=30)
    assert (len(readings), readings[0].views) == (3, oldest.views)


def test_trigger_monitoring__keeps_the_owners_id_and_asks_by_it(world: World, cli: Cli, watch: Watch) -> None:
    profile_id = watch()
    trigger(cli)
    assert monitoring.read_profile(world.db, profile_id).external_id


def test_trigger_monitoring__pinned_posts_count_once(world: World, cli: Cli, watch: Watch) -> None:
    watch(posts=30, pinned=3)
    assert trigger(cli)["posts"] == 30
    assert rows(world, "SELECT posts FROM socialcron.profiles") == [(30,)]


def test_trigger_monitoring__takes_at_most_the_limit_longest_due_first(
    world: World, cli: Cli, watch: Watch
) -> None:
    ids = [watch(name, posts=1) for name in ("a", "b", "c")]
    world.run("UPDATE socialcron.profiles SET next_run_at = now() - make_interval(mins => id::integer)")
    assert trigger(cli, "--limit", 2)["claimed"] == 2
    assert rows(world, "SELECT id FROM socialcron.profiles WHERE last_run_at IS NULL") == [(ids[0],)]


def test_trigger_monitoring__reads_at_most_the_given_number_of_profiles_at_once(
    world: World, cli: Cli, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        watch(f"p{number}", posts=45)
    most = 0
    store = monitoring.store_page

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal most
        ((running,),) = rows(world, "SELECT count(*) FROM socialcron.profiles WHERE lease_until > now()")
        most = max(most, running)
        return store(*args, **options)

    monkeypatch.setattr(monitoring, "store_page", counted)
    assert trigger(cli, "--concurrency", 2)["completed"] == 6
    assert most == 2


def test_trigger_monitoring__serves_only_the_platforms_named(cli: Cli, watch: Watch) -> None:
    watch("ana")
    watch("ben", "x")
    assert trigger(cli, "--platform", "x")["claimed"] == 1
    assert cli("trigger-monitoring", "--platform", "myspace").exit_code == 2


def test_trigger_monitoring__dry_run_claims_nothing(world: World, cli: Cli, watch: Watch) -> None:
    watch()
    assert cli("trigger-monitoring", "--dry-run").stdout == "profile 1: tiktok ana\n"
    assert requests(world) == 0
    assert trigger(cli)["completed"] == 1


# --- trouble -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["429", "5xx", "html", "reset", "truncated_json", "half_answer"])
def test_trouble__that_passes_costs_two_more_tries_and_loses_nothing(
    world: World, cli: Cli, watch: Watch, kind: str
) -> None:
    watch(posts=45)
    world.sandbox.fault(kind, platform=PROVIDER, path="videos", count=2, retry_after=0.01)
    assert trigger(cli)["completed"] == 1
    assert latest(world)[:3] == ("completed", 3, 45)


def test_trouble__that_stays_fails_the_run_and_the_next_one_is_set(
    world: World, cli: Cli, watch: Watch
) -> None:
    watch("ana", "instagram", posts=45)
    watch("ben", "instagram", posts=45)
    world.sandbox.fault("5xx", platform=PROVIDER, path="posts", status=500, count=3)
    data = trigger(cli, "--concurrency", 1)
    assert (data["failed"], data["completed"]) == (1, 1)
    ((status, error_class, error),) = rows(
        world, "SELECT status, error_class, error FROM socialcron.monitoring_runs WHERE profile_id = 1"
    )
    assert (status, error_class) == ("failed", "platform_error")
    assert "instagram profile 'ana' (id 1): HTTP 500" in error
    ((hours,),) = rows(
        world,
        "SELECT extract(epoch FROM next_run_at - now())::float8 / 3600 FROM socialcron.profiles WHERE id = 1",
    )
    assert hours == pytest.approx(24, abs=0.1)
    world.run("UPDATE socialcron.profiles SET next_run_at = now()")
    world.sandbox.fault("5xx", platform=PROVIDER, path="posts", status=500)
    assert cli("trigger-monitoring", "--strict").exit_code == 1


@pytest.mark.parametrize(("kind", "error_class"), [("429", "rate_limited"), ("drop_before", "network")])
def test_trouble__of_the_provider_fails_what_was_begun_and_leaves_the_rest_for_the_next_run(
    world: World, cli: Cli, watch: Watch, kind: str, error_class: str
) -> None:
    watch("a")
    watch("b")
    fault = world.sandbox.fault(kind, platform=PROVIDER)
    data = trigger(cli, "--concurrency", 1)
    assert (data["claimed"], data["failed"]) == (1, 1)
    assert latest(world)[:4] == ("failed", 0, 0, error_class)
    assert fault.fired == 3
    world.sandbox.clear_faults()
    assert trigger(cli)["completed"] == 1


def test_trouble__what_came_before_it_is_kept(world: World, cli: Cli, watch: Watch) -> None:
    watch(posts=45)
    world.sandbox.settings(PROVIDER, credits=2)
    assert cli("trigger-monitoring").exit_code == 69
    assert rows(world, "SELECT count(*) FROM socialcron.profile_posts") == [(40,)]


def test_trouble__used_up_credits_stop_the_whole_run_and_all_go_on_where_they_are(
    world: World, cli: Cli, watch: Watch
) -> None:
    for name in ("a", "b", "c"):
        watch(name, posts=45)
    world.sandbox.settings(PROVIDER, credits=2)
    ran = cli("trigger-monitoring", "--json", "--concurrency", 1)
    assert (ran.exit_code, ran.error["code"]) == (69, "service_unavailable")
    assert ran.error["message"] == "the credits at ScrapeCreators are used up"
    assert requests(world) == 3, "nobody is asked once it is known"
    assert latest(world) == ("pending", 2, 40, "platform_error", "the credits at ScrapeCreators are used up")
    assert "credits" in cli("profiles", "list").stdout
    world.sandbox.settings(PROVIDER, credits=100)
    assert trigger(cli)["completed"] == 3
    assert requests(world) == 3 + 1 + 3 + 3, "two pages had been paid for"
    assert rows(world, "SELECT DISTINCT posts, last_error FROM socialcron.profiles") == [(45, None)]


def test_trouble__a_refused_key_is_a_matter_of_configuration(
    world: World, cli: Cli, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch()
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", "wrong-key-1234")
    ran = cli("trigger-monitoring", "--json")
    assert (ran.exit_code, ran.error["hint"]) == (78, "Check SCRAPECREATORS_API_KEY.")
    assert latest(world)[:4] == ("pending", 0, 0, "auth_expired")
    assert "wrong-key-1234" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("options", "status", "error_class", "said", "asked"),
    [
        ({"private": True, "posts": 9}, "failed", "invalid_content", "the account is private", 3),
        ({"lists_from": "DE", "posts": 9}, "failed", "platform_error", "9 videos, and none is listed", 3),
        ({"posts": 0}, "completed", None, None, 3),
        ({"error": "Something went wrong"}, "failed", "platform_error", "Something went wrong", 4),
        ({"error": "Account doesn't exist"}, "failed", "invalid_content", "doesn't exist", 1),
        (
            {"posts": 45, "empties_after": 1, "has_more": True},
            "completed",
            "platform_error",
            "an empty page, although more was announced",
            3,
        ),
        (
            {"posts": 99, "repeats_after": 2},
            "completed",
            "platform_error",
            "the list repeats its cursor",
            2,
        ),
    ],
)
def test_odd_profiles__are_recorded_with_their_class(
    world: World,
    cli: Cli,
    watch: Watch,
    options: dict[str, Any],
    status: str,
    error_class: str | None,
    said: str | None,
    asked: int,
) -> None:
    watch(**options)
    trigger(cli)
    run = latest(world)
    assert (run[0], run[3]) == (status, error_class)
    assert (said or "") in (run[4] or "")
    assert requests(world) == asked
    assert rows(world, "SELECT error_class, requested_at, lease_until FROM socialcron.profiles") == [
        (error_class, None, None)
    ]
    assert trigger(cli)["claimed"] == 0


def test_odd_profiles__a_handle_that_does_not_exist_fails_at_once(world: World, cli: Cli) -> None:
    cli("profiles", "add", "tiktok", "nobody")
    assert trigger(cli)["failed"] == 1
    assert latest(world)[:4] == ("failed", 0, 0, "invalid_content")
    assert requests(world) == 1


def test_odd_profiles__one_that_only_another_region_sees_is_read_from_there(
    world: World, cli: Cli, watch: Watch
) -> None:
    watch(posts=45, lists_from="GB")
    assert trigger(cli)["completed"] == 1
    assert latest(world)[:3] == ("completed", 3, 45)
    assert requests(world) == 4, "once it is known, that region is asked first"


def test_odd_profiles__counts_as_strings_or_missing_are_numbers_or_null(
    world: World, cli: Cli, watch: Watch
) -> None:
    watch(posts=9, strings=True, leaves_out="saves")
    trigger(cli)
    ((views, likes, saves),) = rows(world, "SELECT views, likes, saves FROM socialcron.profiles")
    assert (views > 0, likes > 0, saves) == (True, True, None)


def test_odd_profiles__a_list_without_end_is_cut_at_the_setting(
    world: World, cli: Cli, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_MONITORING_MAX_PAGES", "2")
    watch(posts=200)
    assert trigger(cli)["cut_short"] == 1
    status, pages, posts, _, error = latest(world)
    assert (status, pages, posts) == ("completed", 2, 40)
    assert error == "only 2 pages were read (SOCIALCRON_MONITORING_MAX_PAGES)"


# --- ending early ----------------------------------------------------------------------------------------------------


def test_a_run__waits_a_second_between_pages_and_goes_on_in_the_next_run(
    world: World, cli: Cli, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a pause longer than the run, it reads one page, gives the profile back, and the next run goes on there."""
    assert watch(posts=45)
    monkeypatch.setattr(batch, "PAUSE_SECONDS", 3600.0)
    assert trigger(cli, "--max-runtime", 1)["released"] == 1
    assert latest(world)[:3] == ("pending", 1, 20)
    assert rows(world, "SELECT claim_token, lease_until FROM socialcron.profiles") == [(None, None)]
    monkeypatch.setattr(batch, "PAUSE_SECONDS", 0.0)
    data = trigger(cli)
    assert (data["completed"], data["pages"], data["posts"]) == (1, 2, 25)
    assert latest(world)[:3] == ("completed", 3, 45)
    assert requests(world) == 3


def test_a_run__gives_everything_back_on_sigterm(
    world: World, cli: Cli, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(posts=45)
    monkeypatch.setattr(batch, "PAUSE_SECONDS", 3600.0)
    store = monitoring.store_page

    def store_and_stop(*args: Any, **options: Any) -> Any:
        stored = store(*args, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return stored

    monkeypatch.setattr(monitoring, "store_page", store_and_stop)
    ran = cli("trigger-monitoring", "--json")
    assert (ran.exit_code, ran.data["released"]) == (75, 1)
    assert latest(world)[:3] == ("pending", 1, 20)


def test_a_run__that_lost_its_lease_writes_nothing_more(
    world: World, cli: Cli, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(posts=45)
    store, pages = monitoring.store_page, 0

    def store_after_another_claimed(*args: Any, **options: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages == 2:
            world.run("UPDATE socialcron.profiles SET lease_until = now() - interval '1 second'")
            assert monitoring.claim_profile(world.db, uuid4(), lease_seconds=120)
        return store(*args, **options)

    monkeypatch.setattr(monitoring, "store_page", store_after_another_claimed)
    assert trigger(cli)["released"] == 1
    assert latest(world)[:3] == ("running", 1, 20)


def test_a_run__whose_last_page_was_stored_only_has_to_end(world: World, cli: Cli, watch: Watch) -> None:
    watch(posts=20)
    trigger(cli)
    world.run(
        "UPDATE socialcron.monitoring_runs SET status = 'running', finished_at = NULL;"
        "UPDATE socialcron.profiles SET next_run_at = now()"
    )
    assert trigger(cli)["completed"] == 1
    assert latest(world)[:3] == ("completed", 1, 20)
    assert requests(world) == 1


# --- profiles --------------------------------------------------------------------------------------------------------


def test_profiles_add__takes_handle_and_interval_and_refuses_what_cannot_be(cli: Cli) -> None:
    assert cli("profiles", "add", "tiktok", "@Nasa", "--interval", "6h").stdout == (
        "profile 1: tiktok Nasa, read every 6 h\n"
    )
    again = cli("profiles", "add", "tiktok", "nasa", "--json")
    assert (again.exit_code, again.error["message"]) == (2, "tiktok Nasa is watched already, as profile 1")
    for arguments in (
        ("myspace", "tom"),
        ("tiktok", "https://www.tiktok.com/@nasa"),
        ("tiktok", "@"),
        ("tiktok", "esa", "--interval", "5m"),
        ("tiktok", "esa", "--interval", "9999d"),
        ("tiktok", "esa", "--interval", "often"),
    ):
        assert cli("profiles", "add", *arguments).exit_code == 2, arguments
    assert [row["handle"] for row in cli("profiles", "list", "--json").data["profiles"]] == ["Nasa"]


def test_profiles_monitor__switches_it_off_and_on(world: World, cli: Cli, watch: Watch) -> None:
    watch()
    assert cli("profiles", "monitor", "off", 1).stdout == "monitoring of profile 1 is off\n"
    assert trigger(cli)["claimed"] == 0
    assert cli("profiles", "monitor", "on", 1).stdout.startswith("monitoring of profile 1 is on, next run ")
    assert trigger(cli)["claimed"] == 1
    assert cli("profiles", "monitor", "sideways", 1).exit_code == 2
    assert cli("profiles", "monitor", "on", 99).exit_code == 2


def test_profiles_trigger__goes_first_even_when_monitoring_is_off(
    world: World, cli: Cli, watch: Watch
) -> None:
    watch("a", posts=1)
    watch("b", posts=1)
    cli("profiles", "monitor", "off", 2)
    assert "goes first" in cli("profiles", "trigger", 2).stdout
    assert cli("trigger-monitoring", "--dry-run").stdout.splitlines()[0] == "profile 2: tiktok b, asked for"
    assert trigger(cli, "--limit", 1)["claimed"] == 1
    assert rows(world, "SELECT profile_id, manual FROM socialcron.monitoring_runs") == [(2, True)]


def test_profiles_trigger__run_reads_only_this_profile_and_says_what_it_found(
    world: World, cli: Cli, watch: Watch
) -> None:
    watch("a", posts=1)
    watch("b", posts=45)
    assert cli("profiles", "trigger", 2, "--run").stdout == "profile 2: 45 posts on 3 pages\n"
    assert rows(world, "SELECT profile_id FROM socialcron.monitoring_runs") == [(2,)]
    cli("profiles", "add", "tiktok", "nobody")
    ran = cli("profiles", "trigger", 3, "--run")
    assert (ran.exit_code, "invalid_content" in ran.stdout) == (1, True)
    assert cli("profiles", "trigger", 99).exit_code == 2


def test_profiles_trigger__while_another_run_reads_it_says_so(world: World, cli: Cli, watch: Watch) -> None:
    watch()
    assert monitoring.claim_profile(world.db, uuid4(), lease_seconds=120)
    ran = cli("profiles", "trigger", 1, "--run", "--json")
    assert (ran.exit_code, ran.error["code"]) == (1, "refused")


def test_profiles_show__has_totals_runs_posts_and_a_chart(world: World, cli: Cli, watch: Watch) -> None:
    watch(posts=30)
    assert "profile 1: tiktok ana" in cli("profiles", "show", 1).stdout
    for _ in range(3):
        trigger(cli)
        pass_time(world, 24)
    shown = cli("profiles", "show", 1).stdout
    data = cli("profiles", "show", 1, "--json").data
    assert f"{data['profile']['views']:,}" in shown
    assert "views of all posts" in shown
    assert "*" in shown.partition("views of all posts")[2].partition("latest runs")[0]
    assert shown.count("completed") == 3
    assert "Post 31 of ana #sandbox" in shown
    assert len(data["history"]) == 3
    assert len(data["posts"]) == 10
    assert cli("profiles", "show", 99).exit_code == 2


def test_profiles_history__of_the_profile_and_of_one_post(world: World, cli: Cli, watch: Watch) -> None:
    watch(posts=30)
    assert cli("profiles", "history", 1).stdout == "nothing read yet\n"
    for _ in range(3):
        trigger(cli)
        pass_time(world, 24)
    data = cli("profiles", "history", 1, "--limit", 2, "--json").data
    assert [row["posts"] for row in data["history"]] == [32, 31]
    remote_id = cli("profiles", "show", 1, "--json").data["posts"][-1]["remote_id"]
    data = cli("profiles", "history", 1, "--post", remote_id, "--json").data
    assert len(data["history"]) == 3
    assert f"{data['history'][0]['views']:,}" in cli("profiles", "history", 1, "--post", remote_id).stdout
    assert cli("profiles", "history", 1, "--post", "unknown").exit_code == 2


def test_profiles_remove__deletes_what_was_read(world: World, cli: Cli, watch: Watch) -> None:
    watch()
    trigger(cli)
    assert cli("profiles", "remove", 1).stdout == "removed profile 1 and its history\n"
    for table in ("profiles", "profile_posts", "profile_post_metrics", "monitoring_runs"):
        assert rows(world, f"SELECT count(*) FROM socialcron.{table}") == [(0,)]
    assert cli("profiles", "remove", 1).exit_code == 2
    assert cli("profiles", "list").stdout == "no profiles\n"
