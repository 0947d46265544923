"""Queue slots: which is the next free one, by SQL and by the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.chaos import children
from tests.conftest import Cli, Ran
from tests.world import World

MONDAY = "2026-11-23"
HOUR = datetime.now(UTC).hour + 11  # UTC, about half a day away: no slot passes while a test runs
DAILY, DAILY_LATER = f"daily {HOUR % 24}:30", f"daily {(HOUR + 1) % 24}:30"


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


# --- on the command line -----------------------------------------------------------------------------------------


def slots(cli: Cli, account: int, *words: str, tz: str = "UTC") -> Any:
    ran = cli(
        "accounts",
        "slots",
        account,
        *(word for spec in words for word in ("--set", spec)),
        "--tz",
        tz,
        "--json",
    )
    assert ran.exit_code == 0, ran.stdout
    return ran.data


def add(cli: Cli, *accounts: int, text: str = "Hello", more: tuple[object, ...] = ()) -> Ran:
    named = [word for account in accounts for word in ("--account", account)]
    return cli("posts", "add", *named, "--text", text, "--next-slot", *more, "--json")


def due_ats(world: World, account: int) -> list[datetime]:
    query = b"SELECT due_at FROM socialcron.posts WHERE account_id = %s ORDER BY id"
    return [at for (at,) in world.db.connection.execute(query, (account,))]


def test_accounts_slots__sets_shows_and_clears_them(world: World, cli: Cli, stub: int) -> None:
    made = slots(cli, stub, "mon-fri 9:00,17:30", "sat 11:00", tz="Europe/Berlin")
    assert len(made["slots"]) == 11
    assert made["slots"][0] == {"weekday": 1, "local_time": "09:00", "zone": "Europe/Berlin"}
    assert len(made["free"]) == 5
    assert datetime.fromisoformat(made["free"][0]) == world.value("SELECT socialcron.next_slot(%s)", stub)
    shown = cli("accounts", "slots", stub).stdout
    assert "mon 09:00, 17:30 Europe/Berlin\n" in shown
    assert "next free: " in shown
    assert len(slots(cli, stub, "sun 10:00")["slots"]) == 1, "they replace what was there"
    assert cli("accounts", "slots", stub, "--clear").stdout == f"account {stub} has no slots\n"


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (["1", "--set", "mon 9:00"], 65, "which time zone"),
        (["1", "--set", "mon", "--tz", "UTC"], 65, "'mon' is no hours of a week"),
        (["1", "--set", "", "--tz", "UTC"], 65, "'' is no hours of a week"),
        (["1", "--set", "noday 9:00", "--tz", "UTC"], 65, "no hours of a week"),
        (["1", "--set", "mon 9:00", "--tz", "Mars/Olympus"], 2, "no time zone"),
        (["1", "--set", "mon 9:00", "--clear"], 2, "one of"),
        (["1", "--tz", "UTC"], 2, "--tz"),
        (["9"], 2, "no account 9"),
    ],
)
def test_accounts_slots__says_what_is_wrong(
    cli: Cli, stub: int, words: list[str], exit_code: int, said: str
) -> None:
    ran = cli("accounts", "slots", *words, "--json")
    assert ran.exit_code == exit_code
    assert said in ran.error["message"]


def test_next_slot__gives_each_post_and_each_account_its_own(world: World, cli: Cli, stub: int) -> None:
    other = world.account("stub", "you")
    free = slots(cli, stub, DAILY)["free"]
    elsewhere = slots(cli, other, DAILY_LATER)["free"]
    for index in range(3):
        ran = add(cli, other, stub, text=f"post {index}")
        assert {post["due_at"] for post in ran.data["posts"]} == {free[index], elsewhere[index]}
    assert slots(cli, stub, DAILY)["free"][0] == free[3]


def test_next_slot__is_all_or_nothing(world: World, cli: Cli, stub: int) -> None:
    slots(cli, stub, DAILY)
    other = world.account("stub", "you")
    ran = add(cli, stub, other)
    assert ran.exit_code == 65
    assert f"accounts slots {other} --set" in ran.error["message"]
    assert (due_ats(world, stub), due_ats(world, other)) == ([], [])


def test_next_slot__with_a_key_takes_one_slot_however_often_it_is_added(
    world: World, cli: Cli, stub: int
) -> None:
    slots(cli, stub, DAILY)
    first, again = add(cli, stub, more=("--key", "k")), add(cli, stub, more=("--key", "k"))
    assert again.data["posts"][0] == first.data["posts"][0] | {"existing": True}
    assert add(cli, stub, text="other", more=("--key", "k")).exit_code == 65
    assert len(due_ats(world, stub)) == 1


def test_next_slot__does_not_go_with_a_time(cli: Cli, stub: int) -> None:
    assert add(cli, stub, more=("--at", "now")).exit_code == 2
    assert add(cli, stub, more=("--repeat", "daily", "--tz", "UTC")).exit_code == 2
    assert cli("posts", "reschedule", 1).exit_code == 2
    assert cli("posts", "reschedule", 1, "--at", "now", "--next-slot").exit_code == 2


def test_next_slot__in_a_dry_run_takes_none(world: World, cli: Cli, stub: int) -> None:
    free = slots(cli, stub, DAILY)["free"]
    ran = add(cli, stub, more=("--dry-run",))
    assert (ran.data["posts"][0]["id"], ran.data["posts"][0]["due_at"]) == (None, free[0])
    assert due_ats(world, stub) == []


def test_posts_reschedule__moves_to_the_next_slot(world: World, cli: Cli, stub: int) -> None:
    free = slots(cli, stub, DAILY)["free"]
    post = world.post(stub, due="now() - interval '2 days'")
    world.run("UPDATE socialcron.posts SET status = 'missed'")
    assert cli("posts", "reschedule", post, "--next-slot", "--json").data["due_at"] == free[0]
    assert world.row(post)["status"] == "scheduled"
    cli("accounts", "slots", stub, "--clear")
    ran = cli("posts", "reschedule", post, "--next-slot", "--json")
    assert (ran.exit_code, "no free slot" in ran.error["message"]) == (65, True)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_posts_import__takes_slots_in_the_order_of_the_file_and_none_twice(
    world: World, cli: Cli, stub: int, tmp_path: Path, form: str
) -> None:
    free = slots(cli, stub, DAILY)["free"]
    file = tmp_path / f"posts.{form}"
    rows = [(stub, f"post {n}", "next-slot", f"k{n}") for n in range(4)]
    if form == "csv":
        file.write_text("account,text,at,key\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
    else:
        names = ("account", "text", "at", "key")
        file.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    planned = cli("posts", "import", file, "--dry-run", "--json").data["rows"]
    for _ in range(2):  # the second time changes nothing
        ran = cli("posts", "import", file, "--json")
        assert [row["due_at"] for row in ran.data["rows"]] == free[:4] == [row["due_at"] for row in planned]
    assert [at.isoformat() for at in due_ats(world, stub)] == free[:4]
    cli("accounts", "slots", stub, "--clear")
    file.write_text(file.read_text().replace("k3", "k4"))
    ran = cli("posts", "import", file, "--json")
    assert ran.exit_code == 65
    assert "it has no slots" in ran.data["rows"][3]["errors"][0]


def test_next_slot__is_never_taken_twice_by_processes_that_add_at_once(
    world: World, cli: Cli, stub: int, environment: dict[str, str]
) -> None:
    other = world.account("stub", "you")
    for account in (stub, other):
        slots(cli, account, DAILY)
    # Half of them name the accounts in the other order.
    running = [
        children.start(
            ["posts", "add", "--text", f"post {n}", "--next-slot"]
            + [
                word
                for account in ((stub, other), (other, stub))[n % 2]
                for word in ("--account", str(account))
            ],
            environment,
        )
        for n in range(8)
    ]
    for child in running:
        ended = child.wait()
        assert ended.exit_code == 0, ended.log
    for account in (stub, other):
        taken = sorted(due_ats(world, account))
        assert [later - earlier for earlier, later in pairwise(taken)] == [timedelta(days=1)] * 7


def test_next_slot__is_kept_for_the_transaction_of_an_application_that_took_it(
    world: World, cli: Cli, stub: int, database_url: str
) -> None:
    slots(cli, stub, DAILY)
    with psycopg.connect(database_url) as application:
        taken = application.execute("SELECT socialcron.next_slot(%s)", (stub,)).fetchone()
        with pytest.raises(psycopg.errors.LockNotAvailable), world.db.connection.transaction():
            world.run("SET LOCAL lock_timeout = '100ms'")
            world.run("SELECT socialcron.next_slot(%s)", stub)
        application.execute("SELECT socialcron.schedule_post(%s, 'Hello', %s)", (stub, taken and taken[0]))
    assert taken is not None
    assert world.value("SELECT socialcron.next_slot(%s)", stub) == taken[0] + timedelta(days=1)
