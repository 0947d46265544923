"""The statements of profile monitoring: who is claimed, what a page changes, what a stale run cannot."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from socialcron.errors import UsageError
from socialcron.model import ProfilePage, ProfilePost
from socialcron.store import metrics, monitoring, sqlfiles
from socialcron.store.engine import Database
from socialcron.store.monitoring import WatchedProfile


def add(db: Database, handle: str = "me", *, hours: float = 24) -> int:
    added = monitoring.add_profile(db, "tiktok", handle, interval=timedelta(hours=hours))
    assert added is not None
    return added


def claim(db: Database, token: Any = None, **options: Any) -> WatchedProfile | None:
    return monitoring.claim_profile(db, token or uuid4(), lease_seconds=120.0, **options)


def claimed(db: Database, token: Any = None) -> WatchedProfile:
    found = claim(db, token)
    assert found is not None
    metrics.ensure_partitions(db, "profile_post_metrics", earliest=found.read_at)
    return found


def rows(db: Database, query: str) -> list[tuple[Any, ...]]:
    return db.connection.execute(query.encode()).fetchall()


def page(*views: int | None, first: int = 0) -> ProfilePage:
    return ProfilePage(
        posts=tuple(ProfilePost(remote_id=f"p{first + n}", views=view) for n, view in enumerate(views))
    )


def store(db: Database, token: Any, profile: WatchedProfile, page: ProfilePage, cursor: str = "next") -> Any:
    return monitoring.store_page(db, token, profile, page, cursor=cursor, region=None)


def let_leases_end(db: Database) -> None:
    db.connection.execute("UPDATE socialcron.profiles SET lease_until = now() - interval '1 second'")


def test_claim_profile__takes_requested_ones_first_then_those_due_longest(db: Database) -> None:
    first, second, third, requested = (add(db, name) for name in ("a", "b", "c", "d"))
    db.connection.execute(
        "UPDATE socialcron.profiles SET next_run_at = now() - make_interval(mins => id::integer)"
    )
    monitoring.switch_monitoring(db, requested, enabled=False)
    monitoring.request_profile(db, requested)
    assert [claimed(db).id for _ in range(4)] == [requested, third, second, first]
    assert claim(db) is None
    assert rows(db, "SELECT manual FROM socialcron.monitoring_runs ORDER BY profile_id") == [
        (False,),
        (False,),
        (False,),
        (True,),
    ]


def test_claim_profile__leaves_alone_what_is_switched_off_later_or_elsewhere(db: Database) -> None:
    off, later = add(db, "off"), add(db, "later")
    monitoring.switch_monitoring(db, off, enabled=False)
    db.connection.execute(
        "UPDATE socialcron.profiles SET next_run_at = now() + interval '1 hour' WHERE id = %s", (later,)
    )
    assert not monitoring.profiles_due(db)
    assert claim(db) is None
    monitoring.add_profile(db, "x", "elsewhere", interval=timedelta(hours=24))
    assert monitoring.profiles_due(db)
    assert claim(db, platforms=["tiktok"]) is None
    assert claim(db, platforms=["x"]) is not None


def test_claim_profile__a_requested_run_is_pending_until_somebody_takes_it(db: Database) -> None:
    profile = add(db)
    monitoring.request_profile(db, profile)
    monitoring.request_profile(db, profile)
    assert rows(db, "SELECT status, started_at FROM socialcron.monitoring_runs") == [("pending", None)]
    token = uuid4()
    taken = claimed(db, token)
    assert rows(db, "SELECT status FROM socialcron.monitoring_runs") == [("running",)]
    assert monitoring.finish_run(db, token, taken, status="completed")
    assert rows(db, "SELECT requested_at FROM socialcron.profiles") == [(None,)]


def test_claim_profile__a_run_that_died_is_resumed_at_its_cursor(db: Database) -> None:
    add(db)
    token = uuid4()
    died = claimed(db, token)
    assert store(db, token, died, page(1, 2), cursor="40") == 2
    assert claim(db) is None
    let_leases_end(db)
    resumed = claimed(db)
    assert resumed == replace(died, pages=1, cursor="40")


def test_store_page__a_stale_run_stores_nothing(db: Database) -> None:
    add(db)
    stale, token = uuid4(), uuid4()
    died = claimed(db, stale)
    let_leases_end(db)
    now_mine = claimed(db, token)
    assert store(db, stale, died, page(999)) is None
    assert not monitoring.finish_run(db, stale, died, status="failed")
    assert rows(db, "SELECT count(*) FROM socialcron.profile_posts") == [(0,)]
    assert store(db, token, now_mine, page(1)) == 1


def test_store_page__read_twice_adds_nothing_and_the_first_reading_stays(db: Database) -> None:
    add(db)
    token = uuid4()
    profile = claimed(db, token)
    assert store(db, token, profile, page(1, 2, None)) == 3
    assert store(db, token, profile, page(5, 6, 7, 8)) == 1
    assert rows(db, "SELECT views FROM socialcron.profile_posts ORDER BY remote_id") == [
        (1,),
        (2,),
        (None,),
        (8,),
    ]
    assert rows(db, "SELECT count(*) FROM socialcron.profile_post_metrics") == [(4,)]
    monitoring.finish_run(db, token, profile, status="completed", external_id="77")
    assert rows(db, "SELECT posts, views, likes, external_id FROM socialcron.profiles") == [
        (4, 11, None, "77")
    ]
    assert rows(db, "SELECT pages, posts, total_posts, total_views FROM socialcron.monitoring_runs") == [
        (2, 4, 4, 11)
    ]


def test_store_page__a_post_twice_on_a_page_is_one_post(db: Database) -> None:
    add(db)
    token = uuid4()
    profile = claimed(db, token)
    assert store(db, token, profile, ProfilePage(posts=page(1).posts * 3)) == 1


def test_store_page__keeps_what_a_later_answer_leaves_out_but_no_count(db: Database) -> None:
    profile_id = add(db)
    published = datetime(2026, 11, 1, tzinfo=UTC)
    whole = ProfilePost(
        remote_id="p", caption="Hello", url="https://x.example", published_at=published, likes=3
    )
    for post in (whole, ProfilePost(remote_id="p", views=1)):
        monitoring.request_profile(db, profile_id)
        token = uuid4()
        profile = claimed(db, token)
        store(db, token, profile, ProfilePage(posts=(post,)))
        monitoring.finish_run(db, token, profile, status="completed")
    (found,) = monitoring.read_posts(db, profile_id, limit=9)
    assert (found.caption, found.url, found.published_at) == ("Hello", "https://x.example", published)
    assert (found.views, found.likes) == (1, None)
    assert found.last_seen_at > found.first_seen_at
    assert [r.likes for r in monitoring.read_post_history(db, found.id, limit=9)] == [None, 3]


@pytest.mark.parametrize(("late_hours", "expected_hours"), [(0.0, 6.0), (1.0, 5.0), (13.0, 5.0), (-2.0, 6.0)])
def test_finish_run__keeps_the_profiles_grid_unless_it_was_asked_for_early(
    db: Database, late_hours: float, expected_hours: float
) -> None:
    profile_id = add(db, hours=6)
    db.connection.execute(
        "UPDATE socialcron.profiles SET next_run_at = now() - make_interval(mins => %s)",
        (int(late_hours * 60),),
    )
    monitoring.request_profile(db, profile_id)
    token = uuid4()
    monitoring.finish_run(db, token, claimed(db, token), status="failed", error_class="network", error="no")
    ((hours, error),) = rows(
        db,
        "SELECT extract(epoch FROM next_run_at - now())::float8 / 3600, last_error FROM socialcron.profiles",
    )
    assert hours == pytest.approx(expected_hours, abs=0.01)
    assert error == "no"


def test_finish_run__a_request_made_meanwhile_is_not_forgotten(db: Database) -> None:
    profile_id = add(db)
    token = uuid4()
    profile = claimed(db, token)
    monitoring.request_profile(db, profile_id)
    monitoring.finish_run(db, token, profile, status="completed")
    assert claimed(db).run_id != profile.run_id


def test_release_profile__gives_it_to_whoever_comes_next(db: Database) -> None:
    add(db)
    token = uuid4()
    profile = claimed(db, token)
    store(db, token, profile, page(1), cursor="2")
    monitoring.release_profile(db, token, profile)
    assert rows(db, "SELECT status FROM socialcron.monitoring_runs") == [("pending",)]
    again = claimed(db)
    assert (again.run_id, again.cursor, again.read_at) == (profile.run_id, "2", profile.read_at)


def test_renew_leases__renews_only_what_is_still_ours(db: Database) -> None:
    first, second = add(db, "a"), add(db, "b")
    token = uuid4()
    claimed(db, token), claimed(db)
    let_leases_end(db)
    monitoring.renew_leases(db, token, [first, second], lease_seconds=60)
    assert rows(db, "SELECT id FROM socialcron.profiles WHERE lease_until > now()") == [(first,)]


def test_fail_abandoned_runs__closes_what_nobody_resumed_in_time(db: Database) -> None:
    add(db)
    profile = claimed(db)
    db.connection.execute("UPDATE socialcron.monitoring_runs SET started_at = now() - interval '11 hours'")
    let_leases_end(db)
    assert monitoring.fail_abandoned_runs(db) == 0
    db.connection.execute("UPDATE socialcron.monitoring_runs SET started_at = now() - interval '13 hours'")
    assert monitoring.fail_abandoned_runs(db) == 1
    assert claimed(db).run_id != profile.run_id


def test_remove_profile__takes_its_posts_and_history_along(db: Database) -> None:
    profile_id, other = add(db, "a"), add(db, "b")
    for _ in range(2):
        token = uuid4()
        store(db, token, claimed(db, token), page(1, 2))
    monitoring.remove_profile(db, profile_id)
    for table in ("profiles", "profile_posts", "profile_post_metrics", "monitoring_runs"):
        name = "id" if table == "profiles" else "profile_id"
        assert rows(db, f"SELECT DISTINCT {name} FROM socialcron.{table}") == [(other,)]
    with pytest.raises(UsageError, match=f"no profile {profile_id}"):
        monitoring.remove_profile(db, profile_id)


def test_add_profile__knows_a_handle_in_any_case(db: Database) -> None:
    profile_id = add(db, "Me")
    assert monitoring.add_profile(db, "tiktok", "me", interval=timedelta(hours=1)) is None
    assert [found.id for found in monitoring.list_profiles(db, handle="ME")] == [profile_id]


def test_growth_views__say_what_each_day_brought(db: Database) -> None:
    profile_id = add(db)
    for views in (10, 25):
        db.connection.execute(
            "UPDATE socialcron.monitoring_runs SET started_at = started_at - interval '1 day',"
            " finished_at = finished_at - interval '1 day'"
        )
        db.connection.execute(
            "SELECT socialcron.ensure_partitions('profile_post_metrics', now() - interval '1 day')"
        )
        db.connection.execute(
            "UPDATE socialcron.profile_post_metrics SET read_at = read_at - interval '1 day'"
        )
        monitoring.request_profile(db, profile_id)
        token = uuid4()
        profile = claimed(db, token)
        store(db, token, profile, page(views))
        monitoring.finish_run(db, token, profile, status="completed")
    for view in ("profile_growth_per_day", "profile_post_growth_per_day"):
        assert rows(db, f"SELECT views, views_gained FROM socialcron.{view} ORDER BY day") == [
            (10, None),
            (25, 15),
        ]


# --- plans -------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(db: Database) -> Database:
    """20,000 profiles, most of them due later; 40,000 posts of the first four."""
    db.connection.execute(
        "INSERT INTO socialcron.profiles (platform, handle, next_run_at, requested_at)"
        " SELECT 'tiktok', 'p' || n, now() + (n - 50) * interval '1 minute', CASE WHEN n %% 2000 = 7 THEN now() END"
        " FROM generate_series(1, 20000) AS n",
        (),
    )
    db.connection.execute(
        "INSERT INTO socialcron.profile_posts (profile_id, remote_id, views, first_seen_at, last_seen_at)"
        " SELECT 1 + n %% 4, 'p' || n, n, now(), now() FROM generate_series(1, 40000) AS n",
        (),
    )
    db.connection.execute(
        "INSERT INTO socialcron.monitoring_runs (profile_id, status, started_at, finished_at)"
        " SELECT 1 + n %% 20000, 'completed', now(), now() FROM generate_series(1, 40000) AS n",
        (),
    )
    db.connection.execute("SELECT socialcron.ensure_partitions('profile_post_metrics', now())")
    for table in ("profiles", "profile_posts", "monitoring_runs"):
        db.connection.execute(f"VACUUM (ANALYZE) socialcron.{table}".encode())
    return db


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("due_profiles", {}),
        ("claim_profile", {"lease_seconds": 120.0, "platforms": ["tiktok", "x"], "profile_id": None}),
        ("fail_abandoned_runs", {"resume_hours": 12}),
        ("lock_profile", {}),
        ("add_profile_posts", {}),
        ("store_profile_readings", {}),
        ("read_monitoring_runs", {"batch_size": 10, "finished": False}),
    ],
)
def test_statements__use_indexes_with_twenty_thousand_profiles(
    many: Database, query: str, params: dict[str, Any]
) -> None:
    posts = Jsonb([{"remote_id": f"p{4 * n}", "views": n} for n in range(100)])
    common = {
        "profile_id": 1,
        "run_id": 1,
        "claim_token": uuid4(),
        "posts": posts,
        "read_at": datetime.now(UTC),
    }
    lines = many.connection.execute(b"EXPLAIN " + sqlfiles.load(query), common | params).fetchall()
    plan = "\n".join(line for (line,) in lines)
    assert not re.search(r"Seq Scan on (profiles|profile_posts|monitoring_runs)", plan), plan
