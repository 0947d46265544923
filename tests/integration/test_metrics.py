from __future__ import annotations

import pytest

from tests.conftest import Cli
from tests.world import World


@pytest.fixture
def measured(world: World) -> World:
    """Post 1 with forty hourly readings, post 2 with one, post 3 with none; the platform reports no saves."""
    account = world.account("stub", "me")
    for number, hours in ((1, 41), (2, 2), (3, 0)):
        post = world.post(account, f"text {number} [red]\x07")
        world.run(
            "UPDATE socialcron.posts SET status = 'posted', posted_at = now() - make_interval(hours => %s)"
            " WHERE id = %s",
            hours,
            post,
        )
    world.run("SELECT socialcron.ensure_partitions('post_metrics', now() - interval '41 h', now())")
    world.run(
        """INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at, views, likes, comments, shares)
           SELECT p.id, p.account_id, p.posted_at + n * interval '1 h', p.posted_at + n * interval '1 h',
                  CASE p.id WHEN 1 THEN 1000 * n ELSE 70000 END, n / 2, 0, 1
             FROM socialcron.posts AS p, generate_series(1, 40) AS n
            WHERE p.id = 1 OR p.id = 2 AND n = 1"""
    )
    return world


def test_metrics_show__lists_the_latest_readings_newest_first(measured: World, cli: Cli) -> None:
    data = cli("metrics", "show", 1, "--json").data
    assert [row["views"] for row in data["readings"][:3]] == [40_000, 39_000, 38_000]
    assert len(data["readings"]) == 30
    assert data["readings"][0]["saves"] is None
    assert data["readings"][0]["comments"] == 0
    assert (data["post_id"], data["platform"], data["gone_at"]) == (1, "stub", None)


def test_metrics_show__draws_in_plain_ascii_where_there_is_no_terminal(measured: World, cli: Cli) -> None:
    ran = cli("metrics", "show", 1, "--limit", 40)
    shown = ran.stdout.partition("\nviews\n")[2]
    assert ran.exit_code == 0
    assert shown.count("*") > 40
    assert "40,000+" in shown
    assert shown.isascii()
    assert "\x1b" not in ran.stdout
    assert "\x07" not in ran.stdout
    assert "[red]" in ran.stdout
    assert "40,000" in ran.stdout.partition("\nviews\n")[0]


def test_metrics_show__draws_the_count_that_was_asked_for(measured: World, cli: Cli) -> None:
    assert "\nlikes\n" in cli("metrics", "show", 1, "--count", "likes").stdout
    assert "\nsaves\n" not in cli("metrics", "show", 1, "--count", "saves").stdout  # nothing to draw
    assert cli("metrics", "show", 1, "--count", "hugs").exit_code == 2


def test_metrics_show__says_when_there_is_nothing_yet(measured: World, cli: Cli) -> None:
    ran = cli("metrics", "show", 3)
    assert ran.exit_code == 0
    assert "The next reading is due" in ran.stdout


def test_metrics_show__says_that_a_post_is_gone_or_read_no_more(measured: World, cli: Cli) -> None:
    measured.run("UPDATE socialcron.metric_schedules SET next_at = NULL, gone_at = now() WHERE post_id = 1")
    measured.run("UPDATE socialcron.metric_schedules SET next_at = NULL WHERE post_id = 2")
    assert "It is gone" in cli("metrics", "show", 1).stdout
    assert "not read any more" in cli("metrics", "show", 2).stdout


def test_metrics_show__knows_published_posts_only(measured: World, cli: Cli) -> None:
    waiting = measured.post(1, "later", due="now() + interval '1 h'")
    for post in (waiting, 99):
        ran = cli("metrics", "show", post, "--json")
        assert (ran.exit_code, ran.error["message"]) == (2, f"there is no published post {post}")


def test_metrics_list__latest_posted_first_or_by_a_count(measured: World, cli: Cli) -> None:
    def order(*options: object) -> list[int]:
        return [row["post_id"] for row in cli("metrics", "list", "--json", *options).data["posts"]]

    assert order() == [2, 1]
    assert order("--sort", "likes") == [1, 2]
    assert order("--sort", "views") == [2, 1]
    assert order("--sort", "saves") == [2, 1]  # reported by none: latest first
    assert order("--sort", "likes", "--limit", 1) == [1]
    assert order("--from", "2100-01-01") == []
    assert "70,000" in cli("metrics", "list").stdout
    assert cli("metrics", "list", "--sort", "age").exit_code == 2


def test_metrics_list__of_nothing_says_so(world: World, cli: Cli) -> None:
    assert cli("metrics", "list").stdout == "no readings\n"
    assert cli("metrics", "list", "--json").data == {"posts": []}
