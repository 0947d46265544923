"""Recurrences: posts that come again and again, as rows made some weeks ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from socialcron.batches.calendar import occurrences
from socialcron.batches.planning import preview
from socialcron.content import Content
from socialcron.store.planning import Filling, Rule, add_recurrences
from socialcron.store.scheduling import Draft
from tests.conftest import Cli, Ran
from tests.world import World


@pytest.fixture
def stub(world: World) -> int:
    return world.account("stub")


def add(cli: Cli, account: int, repeat: str, *more: object, at: str = "+1h", tz: str = "UTC") -> Any:
    words = ["--text", "Again!", "--repeat", repeat, "--at", at, "--tz", tz, *more]
    ran = cli("posts", "add", "--account", account, *words, "--json")
    assert ran.exit_code == 0, ran.stdout
    return ran.data["recurrences"][0]


def due_ats(world: World, recurrence: int, where: str = "true") -> list[datetime]:
    query = f"SELECT due_at FROM socialcron.posts WHERE recurrence_id = %s AND {where} ORDER BY due_at"
    return [at.astimezone(UTC) for (at,) in world.db.connection.execute(query.encode(), (recurrence,))]


def count(world: World, where: str) -> int:
    return int(world.value(f"SELECT count(*) FROM socialcron.posts WHERE {where}"))


def pass_days(world: World, days: int) -> None:
    """Move recurrences and their posts into the past, as if `days` had gone by."""
    step = f"interval '{days} days'"
    world.run(
        f"UPDATE socialcron.recurrences SET starts_at = starts_at - {step}, filled_until = filled_until - {step},"
        f" fill_at = fill_at - {step}"
    )
    # By way of the past, so that no two meet on the way.
    world.run("UPDATE socialcron.posts SET occurs_at = occurs_at - interval '36500 days'")
    world.run(
        f"UPDATE socialcron.posts SET due_at = due_at - {step}, occurs_at = occurs_at + interval '36500 days' - {step}"
    )


def fill_whole(world: World, account: int, rule: Rule) -> list[datetime]:
    """The posts of a recurrence, all of them at once, however far off they are; and also long after they were."""
    times = occurrences(rule.rrule, rule.starts_at, most=99).times
    draft = Draft(account_ids=(account,), content=Content(text="Again!"))
    filled = add_recurrences(
        world.db, draft, rule, lambda one: Filling(times=times, complete=True), renew_days=30
    )
    return due_ats(world, filled[0].recurrence_id)


def steps(times: list[datetime]) -> set[timedelta]:
    return {later - earlier for earlier, later in pairwise(times)}


def test_repeat__makes_posts_of_one_content_some_weeks_ahead(world: World, cli: Cli, stub: int) -> None:
    other = world.account("stub", "you")
    made = add(cli, stub, "weekly", "--account", other, "--priority", 3, "--max-attempts", 7)

    times = due_ats(world, made["id"])
    assert made["next"] == [at.isoformat() for at in times[:5]]
    assert (made["posts"], steps(times)) == (9, {timedelta(days=7)})
    assert due_ats(world, made["id"] + 1) == times, "the other account's"
    assert count(world, "priority = 3 AND max_attempts = 7") == 18
    assert world.value("SELECT count(*) FROM socialcron.contents") == 1


def test_repeat__of_a_rare_rule_has_a_next_post_whatever_the_distance(
    world: World, cli: Cli, stub: int
) -> None:
    made = add(cli, stub, "yearly", at="+1d")
    assert made["posts"] == 2  # tomorrow's is too near to be the only one
    assert cli("maintain", "--json").data["posts_planned"] == 0
    assert world.value("SELECT fill_at > now() FROM socialcron.recurrences")


def test_repeat__ends_with_its_rule(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "FREQ=DAILY;COUNT=3")
    assert made["posts"] == 3
    assert world.value("SELECT fill_at IS NULL FROM socialcron.recurrences")
    for status in ("scheduled", "posted"):
        world.run("UPDATE socialcron.posts SET status = %s", status)
        state = cli("recurrences", "show", made["id"], "--json").data["state"]
        assert state == ("active" if status == "scheduled" else "over")


def test_dry_run__shows_the_next_ones_and_stores_nothing(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "daily", "--dry-run")
    assert (made["id"], len(made["next"])) == (None, 5)
    for table in ("recurrences", "posts", "contents", "account_wakeups"):
        assert world.value(f"SELECT count(*) FROM socialcron.{table}") == 0


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (["--repeat", "sometimes", "--tz", "UTC"], 65, "no recurrence rule"),
        (["--repeat", "FREQ=MINUTELY", "--tz", "UTC"], 65, "too often"),
        (["--repeat", "daily"], 65, "needs a time zone"),
        (["--repeat", "daily", "--at", "2026-01-01T09:00Z", "--tz", "UTC"], 65, "has passed"),
        (["--repeat", "daily", "--tz", "UTC", "--text", ""], 65, "empty"),
        (["--repeat", "daily", "--tz", "UTC", "--key", "k"], 2, "--key"),
        (["--repeat", "daily", "--next-slot"], 2, "--next-slot"),
    ],
)
def test_repeat__is_refused_as_a_whole(
    world: World, cli: Cli, stub: int, words: list[str], exit_code: int, said: str
) -> None:
    ran = cli("posts", "add", "--account", stub, "--text", "x", *words, "--json")
    assert (ran.exit_code, ran.error["hint"] is None or bool(ran.error["hint"])) == (exit_code, True)
    assert said in ran.error["message"]
    assert world.value("SELECT count(*) FROM socialcron.recurrences") == 0


# --- filling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["post-due", "maintain"])
def test_more_posts_are_made_when_a_month_is_left(world: World, cli: Cli, stub: int, command: str) -> None:
    made = add(cli, stub, "FREQ=DAILY;INTERVAL=2")
    cli(command)
    assert len(due_ats(world, made["id"])) == 30, "there was enough"
    first = due_ats(world, made["id"])[0]
    pass_days(world, 31)
    world.run("UPDATE socialcron.posts SET status = 'posted' WHERE due_at < now()")

    assert cli(command).exit_code == 0

    times = due_ats(world, made["id"])
    assert times[0] == first - timedelta(days=31)
    assert steps(times) == {timedelta(days=2)}
    assert timedelta(days=57) < times[-1] - datetime.now(UTC) <= timedelta(days=60)
    assert cli("post-due").stdout == "", "and then it is idle"


def test_an_outage_leaves_late_posts_to_the_usual_rule(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "FREQ=HOURLY;INTERVAL=8")
    pass_days(world, 61)  # nothing ran for so long, not even what fills

    cli("post-due")

    cli("post-due")
    times = due_ats(world, made["id"])
    assert steps(times) == {timedelta(hours=8)}
    assert times[-1] > datetime.now(UTC) + timedelta(days=30)
    assert count(world, "status = 'missed'") > 0
    assert count(world, "status = 'posted' AND due_at > now() - interval '24 hours'") == 3
    assert count(world, "status = 'posted' AND due_at <= now() - interval '24 hours'") == 0


def test_hourly_posts_of_the_same_words_all_pass_the_duplicate_guard(
    world: World, cli: Cli, stub: int
) -> None:
    made = add(cli, stub, "hourly")
    world.run("UPDATE socialcron.posts SET due_at = due_at - interval '6 hours'")  # six are late now

    assert cli("post-due", "--json").data["posted"] == 6
    assert count(world, "error_class = 'duplicate'") == 0
    assert made["posts"] == 1000, "41 days, the most that are made at once"


def test_a_rule_that_cannot_be_worked_out_stops_nobody(world: World, cli: Cli, stub: int) -> None:
    add(cli, stub, "daily")
    world.run("UPDATE socialcron.recurrences SET rrule = 'FREQ=HOURLY;BYSETPOS=5', fill_at = now()")
    world.post(stub, "due")

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["posted"]) == (0, 1)
    assert "recurrence_failed" in ran.stderr
    row = cli("recurrences", "list", "--json").data["recurrences"][0]
    assert "takes too long" in row["last_error"]
    assert world.value("SELECT fill_at > now() + interval '23 hours' FROM socialcron.recurrences")


def test_a_cancelled_or_moved_occurrence_is_not_made_again(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "daily")
    before = due_ats(world, made["id"])
    cli("posts", "cancel", 1)
    cli("posts", "reschedule", 2, "--at", "+300d")
    # As if nobody had ever looked at it: all are worked out anew.
    world.run("UPDATE socialcron.recurrences SET filled_until = NULL, fill_at = now()")

    assert cli("maintain", "--json").data["posts_planned"] == 0

    assert len(due_ats(world, made["id"])) == len(before)
    assert world.row(1)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("zone", "start", "days"),
    [
        ("Europe/Berlin", "2027-03-27T02:30", ["01:30", "01:30", "00:30"]),  # skipped on the 28th: 03:30 CEST
        ("Europe/Berlin", "2027-10-30T02:30", ["00:30", "00:30", "01:30"]),  # twice on the 31st: the first
        ("America/New_York", "2027-03-13T02:30", ["07:30", "07:30", "06:30"]),
        ("America/New_York", "2027-11-06T01:30", ["05:30", "05:30", "06:30"]),
        ("Australia/Lord_Howe", "2027-10-02T02:15", ["15:45", "15:45", "15:15"]),
        ("Australia/Lord_Howe", "2027-04-03T01:45", ["14:45", "14:45", "15:15"]),
        ("Africa/Casablanca", "2027-02-06T02:30", ["01:30", "01:30", "02:30"]),
        ("Africa/Casablanca", "2027-03-13T02:30", ["02:30", "02:30", "01:30"]),
    ],
)
def test_nine_oclock_stays_nine_oclock_when_clocks_change(
    world: World, stub: int, zone: str, start: str, days: list[str]
) -> None:
    first = datetime.fromisoformat(start)
    rule = Rule(rrule="FREQ=DAILY;COUNT=3", starts_at=first, zone=zone)
    times = fill_whole(world, stub, rule)
    assert preview(rule, ZoneInfo(zone), count=5) == times
    assert [f"{at:%H:%M}" for at in times] == days
    here = [at.astimezone(ZoneInfo(zone)) for at in times]
    assert [f"{at:%d %H:%M}" for at in (here[0], here[2])] == [
        f"{at:%d %H:%M}" for at in (first, first + timedelta(days=2))
    ]


def test_two_occurrences_that_a_gap_makes_one_moment_are_one_post(world: World, stub: int) -> None:
    start = datetime.fromisoformat("2027-03-28T01:00")
    rule = Rule(rrule="FREQ=HOURLY;COUNT=4", starts_at=start, zone="Europe/Berlin")
    times = fill_whole(world, stub, rule)
    assert [f"{at:%H:%M}" for at in times] == ["00:00", "01:00", "02:00"]


# --- steering ----------------------------------------------------------------------------------------------------


def test_edit__reaches_what_waits_and_what_is_yet_to_come(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "FREQ=DAILY;INTERVAL=2")
    texts = (
        "SELECT array_agg(DISTINCT c.text) FROM socialcron.posts AS p JOIN socialcron.contents AS c"
        " ON c.id = p.content_id WHERE p.status = %s"
    )
    cli("posts", "edit", 5, "--text", "Second")
    assert world.value(texts, "scheduled") == ["Second"]
    world.run("UPDATE socialcron.posts SET due_at = now() WHERE id = 1")
    assert cli("post-due", "--json").data["posted"] == 1

    cli("posts", "edit", 5, "--text", "Third")  # parts from what is out

    assert world.value(texts, "posted") == ["Second"]
    pass_days(world, 31)
    world.run(
        "UPDATE socialcron.posts SET status = 'cancelled' WHERE status = 'scheduled' AND due_at < now()"
    )
    assert cli("maintain", "--json").data["posts_planned"] > 0
    assert world.value(texts, "scheduled") == ["Third"]
    assert cli("recurrences", "show", made["id"], "--json").data["text"] == "Third"


def test_a_draft__waits_as_a_whole_and_is_approved_as_a_whole(world: World, cli: Cli, stub: int) -> None:
    add(cli, stub, "daily", "--draft")
    assert count(world, "ready_at IS NOT NULL") == 0
    cli("posts", "approve", 1)
    assert count(world, "ready_at IS NULL") == 0


def test_pause__holds_and_resume_goes_on_without_what_came_meanwhile(
    world: World, cli: Cli, stub: int
) -> None:
    made = add(cli, stub, "daily")
    cli("posts", "hold", 10)  # by hand, before
    paused = cli("recurrences", "pause", made["id"], "--json").data
    assert paused == {"id": made["id"], "state": "paused", "held": made["posts"] - 1}
    assert cli("recurrences", "pause", made["id"], "--json").data["held"] == 0
    assert count(world, "ready_at IS NOT NULL") == 0
    cli("posts", "release", 20)
    cli("posts", "hold", 20)  # by hand, since
    pass_days(world, 3)
    assert cli("post-due").stdout == ""

    resumed = cli("recurrences", "resume", made["id"], "--json").data

    held_by_hand = 2
    assert resumed["cancelled"] == 3
    assert resumed["released"] == made["posts"] - 3 - held_by_hand
    assert count(world, "held_at IS NOT NULL AND status = 'scheduled'") == held_by_hand
    cli("maintain")
    times = due_ats(world, made["id"])
    assert steps(times) == {timedelta(days=1)}
    assert cli("recurrences", "resume", made["id"], "--json").data["released"] == 0


def test_resume__after_longer_than_was_planned_begins_with_what_comes_next(
    world: World, cli: Cli, stub: int
) -> None:
    made = add(cli, stub, "daily")
    cli("recurrences", "pause", made["id"])
    pass_days(world, 100)
    cli("recurrences", "resume", made["id"])
    cli("post-due")
    assert count(world, "status IN ('posted', 'missed')") == 0
    coming = due_ats(world, made["id"], "status = 'scheduled'")
    assert timedelta(0) < coming[0] - datetime.now(UTC) < timedelta(days=1)


def test_end__cancels_what_is_not_out_and_makes_no_more(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "daily")
    world.run("UPDATE socialcron.posts SET due_at = now() WHERE id = 1")
    cli("post-due")

    ended = cli("recurrences", "end", made["id"], "--json").data

    assert ended["done"] == made["posts"] - 1
    assert count(world, "status = 'posted'") == 1
    assert count(world, "status = 'cancelled'") == made["posts"] - 1
    assert cli("recurrences", "end", made["id"], "--json").data["done"] == 0
    pass_days(world, 90)
    assert cli("maintain", "--json").data["posts_planned"] == 0
    for command in ("pause", "resume"):
        ran = cli("recurrences", command, made["id"], "--json")
        assert (ran.exit_code, "has ended" in ran.error["message"]) == (65, True)
    assert cli("recurrences", "list", "--json").data["recurrences"] == []
    assert cli("recurrences", "list", "--all", "--json").data["recurrences"][0]["state"] == "ended"


def test_pause_and_end__leave_alone_what_has_begun_to_go_out(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "daily")
    world.run(
        "UPDATE socialcron.posts SET status = 'processing', claim_token = gen_random_uuid() WHERE id IN (1, 2)"
    )
    world.run(
        "INSERT INTO socialcron.publish_attempts (post_id, account_id, attempt, step, revision, phase, idempotency_key)"
        " SELECT id, account_id, 1, 0, revision, CASE id WHEN 1 THEN 'sending' ELSE 'prepared' END, 'k' || id"
        " FROM socialcron.posts WHERE id IN (1, 2)"
    )
    revisions = world.row(1)["revision"], world.row(2)["revision"]

    assert cli("recurrences", "pause", made["id"], "--json").data["held"] == made["posts"] - 1

    assert (world.row(1)["held_at"], world.row(1)["revision"]) == (None, revisions[0])
    assert world.row(2)["revision"] == revisions[1] + 1, "what the run prepared is not sent"
    ended = cli("recurrences", "end", made["id"], "--json").data
    assert (ended["requested"], ended["too_late"]) == (1, 1)


def test_show_and_explain__say_to_which_recurrence_a_post_belongs(world: World, cli: Cli, stub: int) -> None:
    made = add(cli, stub, "daily")
    plain = world.post(stub, due="now() + interval '1 day'")
    assert cli("posts", "show", 1, "--json").data["recurrence_id"] == made["id"]
    assert cli("posts", "show", plain, "--json").data["recurrence_id"] is None
    assert cli("posts", "explain", 1, "--json").data["recurrence_id"] == made["id"]
    assert f"socialcron recurrences show {made['id']}" in cli("posts", "explain", 1).stdout
    assert "recurrence" not in cli("posts", "explain", plain).stdout
    shown = cli("recurrences", "show", made["id"]).stdout
    assert all(words in shown for words in ("FREQ=DAILY", "Again!", "Next posts", "scheduled"))
    assert "FREQ=DAILY" in cli("recurrences", "list").stdout


def test_recurrences__that_are_not_there_are_a_usage_error(cli: Cli, stub: int) -> None:
    ran: Ran
    for command in ("show", "pause", "resume", "end"):
        ran = cli("recurrences", command, 7, "--json")
        assert (ran.exit_code, ran.error["message"]) == (2, "there is no recurrence 7")
    assert cli("recurrences", "list").stdout == "no recurrences\n"


def test_accounts_remove__takes_its_recurrences_and_slots_along(world: World, cli: Cli, stub: int) -> None:
    other = world.account("stub", "you")
    add(cli, stub, "daily", "--account", other)
    cli("accounts", "slots", stub, "--set", "daily 9:00", "--tz", "UTC")

    assert cli("accounts", "remove", stub, "--yes").exit_code == 0

    assert world.value("SELECT array_agg(account_id) FROM socialcron.recurrences") == [other]
    assert world.value("SELECT count(*) FROM socialcron.queue_slots") == 0
    cli("accounts", "remove", other, "--yes")
    assert world.value("SELECT count(*) FROM socialcron.contents") == 0


def test_accounts_remove__leaves_what_a_recurrence_of_another_account_will_say(
    world: World, cli: Cli, stub: int
) -> None:
    other = world.account("stub", "you")
    add(cli, stub, "FREQ=DAILY;COUNT=2", "--account", other)
    world.run("UPDATE socialcron.posts SET status = 'posted' WHERE id = 1 OR account_id = %s", other)
    assert cli("posts", "edit", 2, "--text", "Anew").exit_code == 0

    assert cli("accounts", "remove", stub, "--yes").exit_code == 0

    (left,) = cli("recurrences", "list", "--json").data["recurrences"]
    assert (left["account_id"], left["text"]) == (other, "Anew")
