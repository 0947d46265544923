"""Whoever subscribed is told: real receivers on loopback, a real mail server, waits moved and never waited for."""

from __future__ import annotations

import io
import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from socialcron.batches import delivering
from socialcron.platforms import notifications, webhooks
from socialcron.settings import Settings
from socialcron.store import sqlfiles
from socialcron.store.engine import Database
from socialcron.store.maintenance import drop_old_events
from tests.conftest import Cli
from tests.integration.test_events import become, doubt
from tests.integration.test_query_plans import named_indexes, nodes
from tests.receivers import Mailbox, Receiver, free_port, mailbox, receiver
from tests.safety.test_keys import until_somebody_waits
from tests.world import World

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789abcdef"
DELIVER = ("subscriptions", "deliver", "--json")


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


def deliver_four_times_at_once(settings: Settings) -> None:
    databases = [Database.connect(settings) for _ in range(4)]
    runs = [threading.Thread(target=delivering.run, args=(db, settings)) for db in databases]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    for db in databases:
        db.close()


def add_webhook(cli: Cli, tmp_path: Path, url: str, *more: object, name: str = "shop") -> None:
    (tmp_path / "secret").write_text(SECRET)
    words = ("subscriptions", "add", name, "--webhook", url, "--secret-file", tmp_path / "secret", *more)
    ran = cli(*words)
    assert ran.exit_code == 0, ran.stderr


def add_mail(cli: Cli, tmp_path: Path, url: str, *more: object, name: str = "mail") -> None:
    (tmp_path / "apprise").write_text(f"{url}\n")
    ran = cli("subscriptions", "add", name, "--notify-file", tmp_path / "apprise", *more)
    assert ran.exit_code == 0, ran.stderr


def mail_url(mail: Mailbox) -> str:
    return f"mailto://127.0.0.1:{mail.port}?from=cron@example.com&to=ops@example.com"


def fail(world: World, count: int = 1) -> list[int]:
    """Posts that failed just now."""
    account = world.account("stub", "ana")
    posts = [world.post(account, f"text {number}", due="'2030-01-02+00'") for number in range(count)]
    for post in posts:
        become(world, post, "failed", error_class="invalid_content", last_error="too long")
    return posts


def pass_time(world: World, minutes: float) -> None:
    step = f"interval '{minutes} minutes'"
    world.run(
        "UPDATE socialcron.deliveries SET next_at = next_at - "
        f"{step}, lease_until = lease_until - {step}, tried_at = tried_at - {step}"
    )
    world.run(f"UPDATE socialcron.subscriptions SET quiet_until = quiet_until - {step}")


def states(world: World) -> list[tuple[str, int]]:
    query = b"SELECT status, tries FROM socialcron.deliveries ORDER BY 1, 2"
    return world.db.connection.execute(query).fetchall()


def show(cli: Cli, name: str) -> Any:
    return cli("subscriptions", "show", name, "--json").data


# --- webhooks --------------------------------------------------------------------------------------------------------


def test_webhook__carries_one_event_with_a_signature_the_library_accepts(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    [post] = fail(world)

    ran = cli(*DELIVER)

    assert (ran.exit_code, ran.data["delivered"]) == (0, 1)
    [posted] = shop.posted
    body = Webhook(SECRET).verify(posted.body, posted.headers)
    assert body["id"] == posted.event_id
    assert body["type"] == "post.failed"
    assert body["data"]["post_id"] == post
    assert posted.headers["content-type"] == "application/json"
    assert states(world) == [("delivered", 1)]
    assert cli(*DELIVER).data["claimed"] == 0


def test_webhook__is_signed_in_utc_whatever_the_database_has(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    name = world.value("SELECT current_database()")
    world.run(f"ALTER DATABASE {name} SET timezone = 'Asia/Kolkata'")
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    cli(*DELIVER)
    assert cli("subscriptions", "test", "shop").exit_code == 0

    for posted in shop.posted:
        body = Webhook(SECRET).verify(posted.body, posted.headers)
        assert body["timestamp"].endswith("+00:00")


@pytest.mark.parametrize(
    ("url", "secrets", "shown"),
    [
        (
            "mailtos://me:hunter2@example.com?smtp=smtp.example.com",
            ["hunter2"],
            ["example.com", "me", "smtp.example.com"],
        ),
        (
            "mailto://example.com?user=me&pass=p%40ssword&to=you@example.com",
            ["p@ssword", "p%40ssword"],
            ["you@example.com"],
        ),
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
            ["A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"],
            ["ops"],
        ),
        ("tgram://123456789:AAF1-abcdefg_hijklmnop/12315544/", ["AAF1-abcdefg_hijklmnop"], []),
        (
            "https://shop.example/webhook?token=abcdefgh1",
            ["abcdefgh1", "/webhook"],
            ["webhook", "shop.example"],
        ),
    ],
)
def test_secrets_in__are_what_may_be_a_password_and_no_common_words(
    url: str, secrets: list[str], shown: list[str]
) -> None:
    found = notifications.secrets_in(url)
    assert {url, *secrets} <= set(found)
    assert not set(shown) & set(found)


def test_any_cron_job__delivers_at_its_end(world: World, cli: Cli, tmp_path: Path, shop: Receiver) -> None:
    add_webhook(cli, tmp_path, shop.url, "--event", "posted")
    world.post(world.account("stub"))

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["posted"]) == (0, 1)
    assert [posted.json["type"] for posted in shop.posted] == ["post.posted"]


def test_a_cron_job__is_not_harmed_by_a_delivery(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any) -> None:
        raise RuntimeError("a bug")

    add_webhook(cli, tmp_path, shop.url, "--event", "posted")
    monkeypatch.setattr(delivering, "run", explode)
    world.post(world.account("stub"))

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["posted"]) == (0, 1)
    assert "watching_failed" in ran.stderr


def test_a_receiver_that_fails_thrice__gets_the_same_event_with_growing_pauses(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    shop.answer(500, 503, 500)
    for minutes in (2, 5, 30):
        assert cli(*DELIVER).data["retried"] == 1
        pass_time(world, minutes - 0.1)
        assert cli(*DELIVER).data["claimed"] == 0
        pass_time(world, 0.2)

    assert cli(*DELIVER).data["delivered"] == 1
    assert len({posted.event_id for posted in shop.posted}) == 1
    assert len({posted.body for posted in shop.posted}) == 1
    assert states(world) == [("delivered", 4)]


def test_an_event__is_dead_after_ten_tries_until_somebody_asks_for_it_again(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    port = free_port()
    add_webhook(cli, tmp_path, f"http://127.0.0.1:{port}/hook")
    fail(world)
    for number in range(1, 11):
        data = cli(*DELIVER).data
        assert (data["retried"], data["dead"]) == ((1, 0) if number < 10 else (0, 1))
        pass_time(world, 24 * 60 + 1)
    assert cli(*DELIVER).data["claimed"] == 0

    [delivery] = show(cli, "shop")["deliveries"]
    assert (delivery["status"], delivery["tries"], delivery["next_at"]) == ("dead", 10, None)
    assert "no answer (ConnectError" in delivery["last_error"]
    assert show(cli, "shop")["subscription"]["dead"] == 1

    assert cli("subscriptions", "retry", "shop", "--json").data["due"] == 1
    assert cli(*DELIVER).data["retried"] == 1
    assert states(world) == [("waiting", 1)]


def test_a_receiver__may_ask_for_a_longer_pause(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    shop.answer(429, retry_after="3600")
    cli(*DELIVER)

    pass_time(world, 59)
    assert cli(*DELIVER).data["claimed"] == 0
    pass_time(world, 2)
    assert cli(*DELIVER).data["delivered"] == 1


def test_410__switches_the_subscription_off_and_what_waits_goes_on_waiting(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    shop.answer(410)
    cli(*DELIVER)

    subscription = show(cli, "shop")["subscription"]
    assert (subscription["enabled"], subscription["waiting"]) == (False, 1)
    assert subscription["last_error"].startswith("HTTP 410")
    pass_time(world, 10_000)
    assert cli(*DELIVER).data["claimed"] == 0
    fail(world)  # nobody is to be told of this

    assert cli("subscriptions", "enable", "shop").exit_code == 0
    assert cli(*DELIVER).data["delivered"] == 1
    assert len(shop.posted) == 2


def test_redirects__are_not_followed(world: World, cli: Cli, tmp_path: Path, shop: Receiver) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    shop.answer(302, location=shop.url)
    cli(*DELIVER)

    assert len(shop.posted) == 1
    assert show(cli, "shop")["deliveries"][0]["last_error"] == "HTTP 302: redirects are not followed"


def test_a_receiver_that_fails__is_left_alone_for_the_rest_of_the_run(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world, 30)
    shop.answer(*[500] * 30)
    data = cli(*DELIVER).data

    assert 3 <= data["retried"] == len(shop.posted) < 3 + delivering.HANDS
    shop.answers.clear()
    assert cli(*DELIVER).data["delivered"] == 30 - data["retried"]


def test_a_receiver_that_hangs__delays_no_other(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as slow:
        slow.answer(*[0] * delivering.HANDS)
        shop.when(20, slow.released.set)
        add_webhook(cli, tmp_path, slow.url, name="a-slow")
        add_webhook(cli, tmp_path, shop.url, name="shop")
        fail(world, 20)
        data = cli(*DELIVER).data

    assert len({posted.event_id for posted in shop.posted}) == 20
    assert data["retried"] == delivering.HANDS


def test_a_receiver_that_hangs__does_not_keep_the_run_and_is_tried_again(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LAST_SECONDS", 0.1)
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    shop.answer(0)
    assert cli("subscriptions", "deliver", "--max-runtime", 1, "--json").data["unanswered"] == 1
    assert cli(*DELIVER).data["claimed"] == 0

    pass_time(world, 2)  # its lease
    assert cli(*DELIVER).data["delivered"] == 1
    assert states(world) == [("delivered", 2)]


def test_a_receiver_that_hangs__is_given_up_after_its_time(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.2)
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    shop.answer(0)

    assert cli(*DELIVER).data["retried"] == 1
    assert "no answer (ReadTimeout" in show(cli, "shop")["deliveries"][0]["last_error"]


def test_two_runs_at_once__deliver_each_event_once(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver, settings: Settings
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world, 40)
    deliver_four_times_at_once(settings)

    assert len(shop.posted) == len({posted.event_id for posted in shop.posted}) == 40
    assert states(world) == [("delivered", 1)] * 40


def test_an_event_that_kills_every_run__is_dead_in_the_end(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    world.run("UPDATE socialcron.deliveries SET tries = 10")
    cli(*DELIVER)

    [delivery] = show(cli, "shop")["deliveries"]
    assert (delivery["status"], delivery["last_error"]) == ("dead", "every run that tried it died")
    assert shop.posted == []


# --- messages --------------------------------------------------------------------------------------------------------


def test_mail__says_what_failed_and_what_to_do(world: World, cli: Cli, tmp_path: Path, mail: Mailbox) -> None:
    add_mail(cli, tmp_path, mail_url(mail))
    [post] = fail(world)
    cli("post-due")

    [sent] = mail.mails
    assert mail.envelopes[0].rcpt_tos == ["ops@example.com"]
    assert sent["Subject"] == "socialcron: 1 failed"
    assert sent["From"] == "cron@example.com"
    assert sent.get_content_type() == "text/plain"
    assert sent.get_content().strip() == (
        f'- failed: post {post} on stub ana, due 2030-01-02 00:00 UTC "text 0": invalid_content: too long.'
        f" `socialcron posts explain {post}`"
    )


def test_mail__goes_out_after_starttls_and_login_with_a_password_nobody_sees(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    with mailbox(login=("ops", "hunter2-secret")) as box:
        url = "mailtos://ops:hunter2-{}@example.com:" + str(box.port)
        url += "?smtp=127.0.0.1&mode=starttls&verify=no&from=ops@example.com"
        add_mail(cli, tmp_path, url.format("secret"), name="good")
        add_mail(cli, tmp_path, url.format("mistake"), name="bad")

        good, bad = cli("subscriptions", "test", "good"), cli("subscriptions", "test", "bad", "--json")

    assert good.exit_code == 0, good.stdout
    assert [sent["Subject"] for sent in box.mails] == ["socialcron: 1 test"]
    assert (bad.exit_code, bad.data["ok"]) == (1, False)
    assert "hunter2" not in good.stdout + good.stderr + bad.stdout + bad.stderr


def test_a_flood__becomes_one_message_and_what_follows_is_collected(
    world: World, cli: Cli, tmp_path: Path, mail: Mailbox
) -> None:
    add_mail(cli, tmp_path, mail_url(mail), "--digest", "30m")
    posts = fail(world, 140)
    doubt(world, posts[0], ask=None)
    assert cli(*DELIVER).data["delivered"] == 141
    [first] = mail.mails
    assert first["Subject"] == "socialcron: 140 failed, 1 unconfirmed"
    lines = first.get_content().strip().splitlines()
    assert len(lines) == 21
    assert lines[-1].startswith("and 121 more")

    fail(world, 3)
    pass_time(world, 29)
    fail(world, 2)
    assert cli(*DELIVER).data["claimed"] == 0
    pass_time(world, 2)
    assert cli(*DELIVER).data["delivered"] == 5
    assert [sent["Subject"] for sent in mail.mails[1:]] == ["socialcron: 5 failed"]


def test_a_message_that_fails__is_tried_again_whole(world: World, cli: Cli, tmp_path: Path) -> None:
    port = free_port()
    add_mail(cli, tmp_path, f"mailto://127.0.0.1:{port}?from=cron@example.com&to=ops@example.com")
    fail(world, 3)
    ran = cli(*DELIVER)

    assert (ran.data["retried"], ran.data["claimed"]) == (3, 3)
    assert states(world) == [("waiting", 1)] * 3
    subscription = show(cli, "mail")["subscription"]
    assert "127.0.0.1" in subscription["last_error"]
    assert "quiet" not in ran.stderr
    pass_time(world, 3)
    with mailbox() as box:
        world.run("UPDATE socialcron.subscriptions SET address = %s", sealed(world, mail_url(box)))
        assert cli(*DELIVER).data["delivered"] == 3
        assert [sent["Subject"] for sent in box.mails] == ["socialcron: 3 failed"]


def sealed(world: World, url: str) -> str:
    from socialcron.store.secrets import KeyRing

    return KeyRing(world.settings.secret_key).encrypt({"url": url})


def test_two_runs_at_once__send_one_message(
    world: World, cli: Cli, tmp_path: Path, mail: Mailbox, settings: Settings
) -> None:
    add_mail(cli, tmp_path, mail_url(mail))
    fail(world, 40)
    deliver_four_times_at_once(settings)

    assert [sent["Subject"] for sent in mail.mails] == ["socialcron: 40 failed"]


# --- commands --------------------------------------------------------------------------------------------------------


def test_add__makes_a_secret_and_shows_it_once(world: World, cli: Cli, shop: Receiver) -> None:
    made = re.findall(r"whsec_\S+", cli("subscriptions", "add", "shop", "--webhook", shop.url).stdout)
    shown = cli("subscriptions", "show", "shop", "--json").data["subscription"]
    assert shown["events"] == ["failed", "missed", "unconfirmed", "needs_reconnect", "monitoring_failed"]
    fail(world)
    delivered = cli(*DELIVER)

    (secret,) = made
    Webhook(secret).verify(shop.posted[0].body, shop.posted[0].headers)
    for words in (["list", "--json"], ["show", "shop", "--json"], ["show", "shop"], ["list"]):
        assert secret not in cli("subscriptions", *words).stdout
    assert "whsec_" not in delivered.stdout + delivered.stderr
    assert world.value("SELECT address FROM socialcron.subscriptions").startswith("gAAAA")


def test_add__shows_no_new_secret_as_json(world: World, cli: Cli, shop: Receiver) -> None:
    ran = cli("subscriptions", "add", "shop", "--webhook", shop.url, "--json")
    assert (ran.exit_code, ran.error["message"]) == (
        2,
        "a new signing secret is shown to a person, never as JSON",
    )
    assert world.value("SELECT count(*) FROM socialcron.subscriptions") == 0


def test_add__takes_an_address_with_a_key_in_it_from_a_file(
    world: World, cli: Cli, shop: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "address").write_text(f"{shop.url}?key=T0ken\n")
    cli("subscriptions", "add", "shop", "--webhook", tmp_path / "address")
    fail(world)
    cli(*DELIVER)
    assert [request.path for request in shop.posted] == ["/hook?key=T0ken"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a b", "--webhook", "https://x.example"], 2, "is no name"),
        (["shop"], 2, "name one of --notify-file and --webhook"),
        (["shop", "--webhook", "https://x.example", "--notify-file", "url"], 2, "name one of"),
        (["shop", "--webhook", "https://me:secret@x.example"], 2, "never taken from the command line"),
        (["shop", "--webhook", "absent"], 2, "cannot read the address"),
        (["shop", "--webhook", "ftp://x.example"], 65, "no address of a webhook"),
        (["shop", "--webhook", "https://"], 65, "no address of a webhook"),
        (
            ["shop", "--webhook", "https://x.example", "--event", "exploded"],
            2,
            "there is no event 'exploded'",
        ),
        (["shop", "--webhook", "https://x.example", "--digest", "5m"], 2, "webhooks have no digest"),
        (["shop", "--webhook", "https://x.example", "--account", "99"], 2, "there is no account 99"),
        (["shop", "--webhook", "https://x.example", "--secret-file", "short"], 65, "no signing secret"),
        (["shop", "--webhook", "https://x.example", "--secret-file", "absent"], 2, "cannot read the secret"),
        (
            ["mail", "--notify-file", "mailto://me:password@example.com"],
            2,
            "never taken from the command line",
        ),
        (["mail", "--notify-file", "short"], 65, "apprise does not know"),
        (["mail", "--notify-file", "short"], 65, "mailtos://user@example.com"),  # no [hidden] in an example
        (["mail", "--notify-file", ""], 2, "no file is named"),
        (["shop", "--webhook", ""], 2, "no file is named"),
        (["mail", "--notify-file", "two"], 65, "none or several"),
        (["mail", "--notify-file", "url", "--digest", "8d"], 2, "--digest cannot be 8d"),
        (["mail", "--notify-file", "url", "--secret-file", "short"], 2, "messages are not signed"),
        (["taken", "--notify-file", "url"], 2, "there is a subscription 'taken' already"),
    ],
)
def test_add__refuses_with_one_clear_error(
    cli: Cli, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "url").write_text("mailto://me:hunter2-secret@example.com")
    (tmp_path / "two").write_text("json://a.example json://b.example")
    (tmp_path / "short").write_text("whsec_c2hvcnQ=")
    assert cli("subscriptions", "add", "taken", "--notify-file", "url").exit_code == 0

    ran = cli("subscriptions", "add", *words)

    assert (ran.exit_code, ran.stdout) == (code, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "hunter2-secret" not in ran.stderr


def test_add__takes_an_apprise_url_from_stdin(
    cli: Cli, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(mail_url(mail)))
    assert cli("subscriptions", "add", "mail", "--notify-file", "-").exit_code == 0
    assert cli("subscriptions", "test", "mail").stdout.startswith("it got through")


@pytest.mark.parametrize("word", ["show", "test", "enable", "disable", "remove", "retry"])
def test_an_unknown_name__is_a_usage_error(cli: Cli, word: str) -> None:
    ran = cli("subscriptions", word, "nobody", "--json")
    assert (ran.exit_code, ran.error["code"]) == (2, "usage")


def test_test__says_why_it_did_not_get_through(
    cli: Cli, tmp_path: Path, shop: Receiver, world: World
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    shop.answer(403)
    ran = cli("subscriptions", "test", "shop")
    assert (ran.exit_code, ran.stdout) == (1, "it did not get through: HTTP 403: hello\n")

    assert cli("subscriptions", "test", "shop").exit_code == 0
    assert shop.posted[1].json["type"] == "test"
    assert states(world) == []


def test_disable_and_remove__keep_and_give_up_what_waits(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world, 2)
    assert cli("subscriptions", "disable", "shop").stdout == "shop is off; 2 events are waiting for it\n"
    assert cli(*DELIVER).data["claimed"] == 0
    assert cli("subscriptions", "retry", "shop").exit_code == 2

    assert cli("subscriptions", "remove", "shop").stdout == "removed shop; 2 events are given up\n"
    add_webhook(cli, tmp_path, shop.url)
    assert cli("subscriptions", "retry", "shop").stdout.startswith("nothing to try again")
    assert cli("subscriptions", "remove", "shop").stdout == "removed shop\n"
    assert states(world) == []
    assert cli("subscriptions", "list").stdout == "no subscriptions\n"


@pytest.mark.parametrize("command", ["disable", "enable", "retry", "remove"])
def test_a_command__takes_locks_in_the_order_of_the_run_that_delivers(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver, command: str
) -> None:
    """Otherwise the two may wait for each other, and what was just delivered is delivered again."""
    add_webhook(cli, tmp_path, shop.url)
    fail(world)
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(cli("subscriptions", command, "shop").exit_code))
    watcher = Database.connect(world.settings)
    with world.db.transaction():  # as record_delivered.sql does
        world.run("UPDATE socialcron.deliveries SET status = 'delivered'")
        thread.start()
        until_somebody_waits(watcher)
        world.run("UPDATE socialcron.subscriptions SET last_delivered_at = now()")
    thread.join()
    watcher.close()
    assert ended == [0]


def test_show__is_for_people_too(world: World, cli: Cli, tmp_path: Path, shop: Receiver) -> None:
    add_webhook(cli, tmp_path, shop.url)
    [post] = fail(world)
    shop.answer(500)
    cli(*DELIVER)

    shown = cli("subscriptions", "show", "shop").stdout
    assert f"post {post}" in shown
    assert "HTTP 500: hello" in shown
    assert "all but posted" in cli("subscriptions", "list").stdout


def test_status__says_who_was_not_told(world: World, cli: Cli, tmp_path: Path, shop: Receiver) -> None:
    add_webhook(cli, tmp_path, shop.url)
    assert "Not told yet" not in cli("status").stdout
    fail(world)
    shop.answer(500)
    cli(*DELIVER)

    shown, [row] = cli("status").stdout, cli("status", "--json").data["subscriptions"]
    assert (row["name"], row["waiting"], row["dead"]) == ("shop", 1, 0)
    assert "HTTP 500: hello" in shown.partition("Not told yet")[2]


def test_an_address_no_key_opens__delays_nobody_else(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url, name="a-lost")
    world.run("UPDATE socialcron.subscriptions SET address = 'sealed with another key'")
    add_webhook(cli, tmp_path, shop.url, name="shop")
    fail(world)
    ran = cli(*DELIVER)

    assert ran.data["delivered"] == 1
    assert "no key in SOCIALCRON_SECRET_KEY can open the address of subscription 'a-lost'" in ran.stderr
    assert cli("subscriptions", "test", "a-lost").exit_code == 78


def test_maintain__forgets_old_events_but_not_those_still_tried(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world, 2)
    cli(*DELIVER)
    fail(world)
    world.run("UPDATE socialcron.events SET created_at = created_at - interval '31 days'")

    assert cli("maintain", "--json").data["events_forgotten"] == 2
    assert states(world) == [("delivered", 1)]


def test_maintain__forgets_more_events_than_one_statement_takes(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    fail(world, 5)
    cli(*DELIVER)
    world.run("UPDATE socialcron.events SET created_at = created_at - interval '31 days'")

    assert drop_old_events(world.db, keep_days=30, at_once=2) == 5
    assert world.value("SELECT count(*) FROM socialcron.deliveries") == 0


def test_deliver__is_silent_when_there_is_nothing_to_tell(cli: Cli) -> None:
    ran = cli("subscriptions", "deliver")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")


def test_payload__is_small_whatever_a_platform_says(
    world: World, cli: Cli, tmp_path: Path, shop: Receiver
) -> None:
    add_webhook(cli, tmp_path, shop.url)
    post = world.post(world.account("stub", "h" * 5000), "t" * 50_000, due="'2030-01-02+00'")
    become(world, post, "failed", error_class="network", last_error="e" * 50_000, url="u" * 50_000)
    cli(*DELIVER)

    assert len(shop.posted[0].body) < 8192
    assert json.loads(shop.posted[0].body)["data"]["text"] == "t" * 100


def test_statements_of_a_run__use_their_index_and_read_no_whole_table(world: World) -> None:
    """After months of events, with a receiver that has been gone for days, and most subscriptions told."""
    world.run(
        "INSERT INTO socialcron.subscriptions (name, channel, address, events)"
        " SELECT 's' || n, 'webhook', 'sealed', '{failed}' FROM generate_series(1, 20) AS n"
    )
    world.run(
        "WITH event AS (INSERT INTO socialcron.events (kind, data, created_at)"
        "               SELECT 'failed', '{}', now() - n * interval '1 minute' FROM generate_series(1, 20000) AS n"
        "               RETURNING event_id, created_at)"
        " INSERT INTO socialcron.deliveries (event_id, subscription_id, status, next_at)"
        " SELECT event_id, s.id, CASE WHEN late THEN 'waiting' ELSE 'delivered' END,"
        "        CASE WHEN late THEN now() + interval '1 hour' END"
        " FROM event, socialcron.subscriptions AS s,"
        "      LATERAL (SELECT s.id = 1 AND event.created_at > now() - interval '5 days' AS late) AS l WHERE s.id < 4"
    )
    for table in ("subscriptions", "events", "deliveries"):
        world.run(f"VACUUM (ANALYZE) socialcron.{table}")
    claim = {"subscription_id": 1, "claim_token": uuid4(), "lease_seconds": 60.0, "most_tries": 10}
    statements: dict[str, dict[str, Any] | None] = {
        "due_subscriptions": None,
        "claim_delivery": claim,
        "claim_digest": claim | {"batch_size": 10_000},
        "read_claimed_events": claim | {"batch_size": 20},
        "record_delivered": claim | {"http_status": 200},
        "postpone_deliveries": claim
        | {"waits": [60.0], "retry_after": None, "http_status": None, "error": "no answer"},
        "bury_deliveries": claim | {"subscription_ids": [1, 2]},
        "drop_old_events": {"keep_days": 13, "most": 1000},
    }
    for query, params in statements.items():
        explained = world.db.connection.execute(
            b"EXPLAIN (FORMAT JSON) " + sqlfiles.load(query), params
        ).fetchone()
        assert explained is not None
        found = list(nodes(explained[0][0]["Plan"]))
        read = {node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"}
        used = {node["Index Name"] for node in found if "Index Name" in node}
        assert read <= {"subscriptions"}, query
        assert named_indexes(query) <= used, query
