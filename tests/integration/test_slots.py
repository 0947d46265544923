"""Queue slots: which is the next free one, by SQL and by the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.world import World

MONDAY = "2026-11-23"


def add_slots(world: World, account: int, zone: str, *slots: tuple[int, str]) -> None:
    for weekday, time in slots:
        world.run("INSERT INTO socialcron.queue_slots VALUES (%s, %s, %s, %s)", account, weekday, time, zone)


def next_slot(world: World, account: int, after: str) -> datetime:
    found: datetime = world.value("SELECT socialcron.next_slot(%s, %s::timestamptz)", account, after)
    return found.astimezone(UTC)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


@pytest.fixture
def stub(world: World) -> int:
    return world.account("stub")


def test_next_slot__is_the_soonest_after_the_moment_asked_about(world: World, stub: int) -> None:
    add_slots(world, stub, "Europe/Berlin", (1, "09:00"), (1, "17:30"), (6, "11:00"))
    for after, slot in [
        (f"{MONDAY} 08:59+01", "2026-11-23T09:00"),
        (f"{MONDAY} 09:00+01", "2026-11-23T17:30"),  # strictly after
        (f"{MONDAY} 18:00+01", "2026-11-28T11:00"),
        ("2026-11-28 11:00+01", "2026-11-30T09:00"),
    ]:
        assert next_slot(world, stub, after) == berlin(slot)


@pytest.mark.parametrize(
    "more",
    [{}, {"draft": True}, {"text": None}],
)
def test_next_slot__passes_over_slots_at_which_something_is_to_go_out(
    world: World, stub: int, more: dict[str, Any]
) -> None:
    add_slots(world, stub, "UTC", (1, "09:00"))
    post = world.post(stub, **({"text": "Hello"} | more), due="'2026-11-30 09:00Z'")
    assert next_slot(world, stub, "2026-11-24Z") == datetime(2026, 12, 7, 9, tzinfo=UTC)
    for status in ("processing", "unconfirmed", "scheduled"):
        world.run("UPDATE socialcron.posts SET status = %s WHERE id = %s", status, post)
        assert next_slot(world, stub, "2026-11-24Z") == datetime(2026, 12, 7, 9, tzinfo=UTC), status
    world.run("UPDATE socialcron.posts SET held_at = now() WHERE id = %s", post)
    assert next_slot(world, stub, "2026-11-24Z") == datetime(2026, 12, 7, 9, tzinfo=UTC)
    for status in ("failed", "missed", "cancelled", "posted"):
        world.run("UPDATE socialcron.posts SET status = %s WHERE id = %s", status, post)
        assert next_slot(world, stub, "2026-11-24Z") == datetime(2026, 11, 30, 9, tzinfo=UTC), status


def test_next_slot__is_not_taken_by_another_account(world: World, stub: int) -> None:
    add_slots(world, stub, "UTC", (1, "09:00"))
    world.post(world.account("stub", "you"), due="'2026-11-30 09:00Z'")
    assert next_slot(world, stub, "2026-11-24Z") == datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_next_slot__of_an_account_without_any_is_an_error_and_never_now(world: World, stub: int) -> None:
    with pytest.raises(psycopg.errors.NoDataFound, match="no free slot"):
        next_slot(world, stub, MONDAY)


def test_next_slot__keeps_zones_apart_and_finds_the_soonest_of_all(world: World, stub: int) -> None:
    add_slots(world, stub, "Pacific/Auckland", (2, "01:00"))  # Monday 12:00 UTC in summer
    add_slots(world, stub, "America/Los_Angeles", (1, "09:00"))  # Monday 17:00 UTC
    assert next_slot(world, stub, "2026-11-23 00:00Z") == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert next_slot(world, stub, "2026-11-23 12:00Z") == datetime(2026, 11, 23, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "local", "slot"),
    [
        ("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T03:30+02:00"),  # skipped: behind the gap
        ("Europe/Berlin", "2027-10-31T02:30", "2027-10-31T02:30+02:00"),  # twice: the first
        ("America/New_York", "2027-03-14T02:30", "2027-03-14T03:30-04:00"),
        ("America/New_York", "2027-11-07T01:30", "2027-11-07T01:30-04:00"),
        ("Australia/Lord_Howe", "2027-10-03T02:15", "2027-10-03T02:45+11:00"),
        ("Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-04T01:45+11:00"),
        ("Africa/Casablanca", "2025-02-23T02:30", "2025-02-23T02:30+01:00"),
        ("Africa/Casablanca", "2025-04-06T02:30", "2025-04-06T03:30+01:00"),
    ],
)
def test_next_slot__knows_the_clock_changes(
    world: World, stub: int, zone: str, local: str, slot: str
) -> None:
    at = datetime.fromisoformat(local)
    add_slots(world, stub, zone, (at.isoweekday(), at.strftime("%H:%M")))
    before = (at - timedelta(days=2)).isoformat() + "Z"
    assert next_slot(world, stub, before) == datetime.fromisoformat(slot).astimezone(UTC)
