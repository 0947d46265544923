from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from socialcron.sandbox.server import Sandbox
from socialcron.settings import Settings
from socialcron.store.engine import Database
from socialcron.store.secrets import KeyRing
from tests.conftest import Cli, Ran

SECRET = "very-secret-token-0123456789"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token.json"
    path.write_text(json.dumps({"access_token": SECRET}))
    return path


def add_stub(cli: Cli, handle: str = "me") -> int:
    return int(cli("accounts", "add", "stub", "--handle", handle, "--json").data["id"])


def add_mastodon(cli: Cli, credentials: object, *more: str, handle: str = "@me@social.example") -> Ran:
    options = ("--set", "base_url=https://social.example/", "--credentials", credentials)
    return cli("accounts", "add", "mastodon", "--handle", handle, *options, *more, "--json")


def row(db: Database, account_id: int) -> dict[str, Any]:
    found = db.connection.execute(
        "SELECT to_jsonb(a) FROM socialcron.accounts AS a WHERE id = %s", [account_id]
    ).fetchone()
    assert found is not None
    stored: dict[str, Any] = found[0]
    return stored


def test_accounts_add__needs_no_credentials_for_the_stub(cli: Cli) -> None:
    ran = cli("accounts", "add", "stub", "--handle", "me", "--json")
    assert (ran.exit_code, ran.data["id"], ran.data["status"]) == (0, 1, "active")


def test_accounts_add__encrypts_credentials(
    cli: Cli, db: Database, settings: Settings, token_file: Path
) -> None:
    ran = add_mastodon(cli, token_file, "--external-id", "77")

    stored = row(db, ran.data["id"])
    assert SECRET not in json.dumps(stored)
    assert KeyRing(settings.secret_key).decrypt(stored["credentials"], account_id=1) == {
        "access_token": SECRET
    }
    assert stored["settings"] == {"base_url": "https://social.example"}
    assert (stored["external_id"], stored["token_expires_at"]) == ("77", None)


def test_accounts_add__reads_credentials_from_stdin(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"access_token": SECRET})))
    assert add_mastodon(cli, "-").exit_code == 0


@pytest.mark.parametrize(
    "expires_at", [1796112000, "1796112000", "2026-12-01T08:00:00Z", "2026-12-01T09:00+01:00"]
)
def test_accounts_add__takes_the_expiry_out_of_the_credentials(
    cli: Cli, db: Database, tmp_path: Path, expires_at: object
) -> None:
    path = tmp_path / "token.json"
    path.write_text(json.dumps({"access_token": SECRET, "refresh_token": "r" * 10, "expires_at": expires_at}))
    ran = add_mastodon(cli, path)
    assert row(db, ran.data["id"])["token_expires_at"].startswith("2026-12-01T08:00:00")


def test_accounts_add__has_the_first_run_make_a_session_for_bluesky(
    cli: Cli, db: Database, tmp_path: Path
) -> None:
    path = tmp_path / "password.json"
    path.write_text(json.dumps({"identifier": "me.bsky.social", "password": "aaaa-bbbb-cccc"}))
    ran = cli("accounts", "add", "bluesky", "--handle", "me.bsky.social", "--credentials", path, "--json")
    assert db.connection.execute(
        "SELECT token_expires_at <= now() FROM socialcron.accounts WHERE id = %s", [ran.data["id"]]
    ).fetchone() == (True,)


@pytest.mark.parametrize(
    ("document", "exit_code", "words"),
    [
        ('{"access_token": "t", "colour": "red"}', 65, "'colour'"),
        ('{"refresh_token": "t"}', 65, "'access_token'"),
        ('{"access_token": ""}', 65, "'access_token'"),
        ('{"access_token": 7}', 65, "'access_token'"),
        ('{"access_token": "a\\u0000b"}', 65, "NUL"),
        ('{"access_token": "t", "expires_at": "soon"}', 65, "expires_at"),
        ('{"access_token": "t", "expires_at": "2026-12-01T08:00:00"}', 65, "expires_at"),
        ('["t"]', 65, "not a JSON object"),
        ('{"access_token": "t"', 65, "not JSON"),
        ("", 65, "not JSON"),
    ],
)
def test_accounts_add__refuses_credentials_of_no_use_and_quotes_none_of_them(
    cli: Cli, db: Database, tmp_path: Path, document: str, exit_code: int, words: str
) -> None:
    path = tmp_path / "token.json"
    path.write_text(document)
    ran = add_mastodon(cli, path)
    assert ran.exit_code == exit_code
    assert words in ran.error["message"]
    assert ran.error["hint"] or "NUL" in words
    assert db.connection.execute("SELECT count(*) FROM socialcron.accounts").fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["myspace", "--handle", "me"], 2, "Known platforms: bluesky, "),
        (["stub"], 2, "--handle"),
        (["stub", "--handle", " "], 65, "empty"),
        (["stub", "--handle", "me", "--set", "colour=red"], 2, "base_url"),
        (["stub", "--handle", "me", "--set", "colour"], 2, "NAME=VALUE"),
        (["stub", "--handle", "me", "--set", "base_url=ftp://a.example"], 65, "http(s)"),
        (["stub", "--handle", "me", "--set", "base_url=https://"], 65, "http(s)"),
        (["stub", "--handle", "me", "--set", "base_url=https://u:p@a.example"], 65, "more than"),
        (["stub", "--handle", "me", "--credentials", "/dev/null"], 65, "not JSON"),
        (["x", "--handle", "me"], 2, "--credentials"),
        (["x", "--handle", "me", "--credentials", "/nowhere.json"], 2, "/nowhere.json"),
        (["mastodon", "--handle", "me", "--credentials", "/dev/null"], 2, "base_url"),
    ],
)
def test_accounts_add__refuses_what_cannot_be_with_one_error_and_a_way_out(
    cli: Cli, arguments: list[str], exit_code: int, words: str
) -> None:
    ran = cli("accounts", "add", *arguments, "--json")
    assert ran.exit_code == exit_code
    assert words in f"{ran.error['message']} {ran.error['hint']}"


def test_accounts_add__never_takes_a_secret_from_the_command_line_nor_repeats_it(cli: Cli) -> None:
    ran = add_mastodon(cli, json.dumps({"access_token": SECRET}))
    assert ran.exit_code == 2
    assert SECRET not in ran.stdout + ran.stderr


def test_accounts_add__says_where_a_key_comes_from(
    cli: Cli, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOCIALCRON_SECRET_KEY")
    ran = add_mastodon(cli, token_file)
    assert ran.exit_code == 78
    assert "socialcron init" in ran.error["hint"]


def test_accounts_add__refuses_the_same_account_twice(cli: Cli, token_file: Path) -> None:
    add_mastodon(cli, token_file, "--external-id", "77")

    same_handle = add_mastodon(cli, token_file, handle="@ME@social.example")
    same_id = add_mastodon(cli, token_file, "--external-id", "77", handle="@other@social.example")

    assert (same_handle.exit_code, same_id.exit_code) == (65, 65)
    assert "accounts reconnect 1" in same_id.error["hint"]


def test_accounts_add__takes_one_handle_on_two_servers(cli: Cli, token_file: Path) -> None:
    add_mastodon(cli, token_file, handle="me")
    other = cli(
        *("accounts", "add", "mastodon", "--handle", "me", "--credentials", token_file, "--json"),
        *("--set", "base_url=https://other.example"),
    )
    assert other.exit_code == 0


def test_accounts_reconnect__stores_new_credentials_and_lets_the_account_post_again(
    cli: Cli, db: Database, settings: Settings, token_file: Path
) -> None:
    account_id = add_mastodon(cli, token_file).data["id"]
    db.connection.execute("UPDATE socialcron.accounts SET status = 'needs_reconnect', last_error = 'refused'")
    token_file.write_text(json.dumps({"access_token": "newer-token"}))

    ran = cli("accounts", "reconnect", account_id, "--credentials", token_file, "--json")

    stored = row(db, account_id)
    assert ran.data["status"] == "active"
    assert (stored["token_version"], stored["last_error"]) == (1, None)
    assert stored["next_due_at"] is not None
    opened = KeyRing(settings.secret_key).decrypt(stored["credentials"], account_id=account_id)
    assert opened == {"access_token": "newer-token"}


def test_accounts_reconnect__refuses_an_account_without_credentials(cli: Cli) -> None:
    assert cli("accounts", "reconnect", add_stub(cli), "--json").exit_code == 2


def test_accounts_show__never_shows_credentials(cli: Cli, token_file: Path) -> None:
    account_id = add_mastodon(cli, token_file).data["id"]
    shown = cli("accounts", "show", account_id, "--json")
    assert shown.data["has_credentials"] is True
    assert "credentials" not in shown.data
    for ran in (shown, cli("accounts", "show", account_id), cli("accounts", "list")):
        assert SECRET not in ran.stdout
        assert "@me@social.example" in ran.stdout


def test_accounts_list__counts_waiting_posts_and_filters(cli: Cli, token_file: Path) -> None:
    stub, mastodon = add_stub(cli), add_mastodon(cli, token_file).data["id"]
    cli("posts", "add", "--account", stub, "--text", "later", "--at", "+1h")
    cli("posts", "add", "--account", stub, "--text", "draft", "--draft")

    everything = cli("accounts", "list", "--json").data["accounts"]
    one = cli("accounts", "list", "--platform", "mastodon", "--json").data["accounts"]

    assert [(a["id"], a["waiting"]) for a in everything] == [(stub, 1), (mastodon, 0)]
    assert [a["id"] for a in one] == [mastodon]
    assert cli("accounts", "list", "--platform", "myspace").exit_code == 2
    assert cli("accounts", "list", "--status", "tired").exit_code == 2


def test_accounts_list__survives_hand_edited_rows(cli: Cli, db: Database) -> None:
    account_id = add_stub(cli)
    db.connection.execute(
        """UPDATE socialcron.accounts
              SET handle = E'[bold]me\\x1b[31m', platform = 'myspace',
                  settings = '{"base_url": null}', last_error = E'a\\nb'"""
    )
    for command in (["list"], ["show", account_id]):
        ran = cli("accounts", *command)
        assert (ran.exit_code, ran.stderr) == (0, "")
        assert "[bold]me" in ran.stdout
        assert "\x1b" not in ran.stdout


def test_accounts_disable_and_enable__switch_an_account_off_and_on(cli: Cli, db: Database) -> None:
    account_id = add_stub(cli)
    assert cli("accounts", "disable", account_id, "--json").data["status"] == "disabled"
    db.connection.execute("UPDATE socialcron.accounts SET autopost_enabled = false")

    assert cli("accounts", "enable", account_id, "--json").data["status"] == "active"
    assert row(db, account_id)["autopost_enabled"] is True


def test_accounts_enable__does_not_hide_that_credentials_are_refused(cli: Cli, db: Database) -> None:
    account_id = add_stub(cli)
    db.connection.execute("UPDATE socialcron.accounts SET status = 'needs_reconnect'")
    ran = cli("accounts", "enable", account_id, "--json")
    assert ran.exit_code == 65
    assert "reconnect" in ran.error["hint"]


def test_accounts_remove__keeps_posts_unless_told(cli: Cli, db: Database) -> None:
    account_id, other = add_stub(cli), add_stub(cli, "other")
    cli("posts", "add", "--account", account_id, "--account", other, "--text", "shared")
    cli("posts", "add", "--account", account_id, "--text", "own")

    refused = cli("accounts", "remove", account_id, "--json")
    removed = cli("accounts", "remove", account_id, "--yes", "--json")

    assert refused.exit_code == 65
    assert "--yes" in refused.error["hint"]
    assert removed.data == {"id": account_id, "deleted_posts": 2}
    assert db.connection.execute("SELECT text FROM socialcron.contents").fetchall() == [("shared",)]
    assert cli("accounts", "remove", account_id, "--yes").exit_code == 2


@pytest.mark.parametrize("status", ["processing", "unconfirmed"])
def test_accounts_remove__refuses_while_a_post_is_under_way(cli: Cli, db: Database, status: str) -> None:
    account_id = add_stub(cli)
    cli("posts", "add", "--account", account_id, "--text", "hello")
    db.connection.execute("UPDATE socialcron.posts SET status = %s", [status])
    ran = cli("accounts", "remove", account_id, "--yes", "--json")
    assert ran.exit_code == 65
    assert db.connection.execute("SELECT count(*) FROM socialcron.accounts").fetchone() == (1,)


def test_accounts_set__changes_and_removes_settings(cli: Cli, db: Database, token_file: Path) -> None:
    account_id = add_mastodon(cli, token_file, "--set", "language=en").data["id"]

    ran = cli("accounts", "set", account_id, "visibility=unlisted", "language=", "spoiler_text=a=b", "--json")

    expected = {"base_url": "https://social.example", "visibility": "unlisted", "spoiler_text": "a=b"}
    assert (ran.exit_code, ran.data) == (0, {"id": account_id, "settings": expected})
    assert row(db, account_id)["settings"] == expected


@pytest.mark.parametrize(
    ("change", "exit_code", "hint"),
    [
        ("colour=red", 2, "visibility"),
        ("colour=", 2, "visibility"),
        ("visibility", 2, "visibility"),
        ("base_url=", 2, "base_url=URL"),
        ("base_url=ftp://social.example", 65, "https"),
        ("resize_images=maybe", 65, "true or false"),
    ],
)
def test_accounts_set__refuses_what_accounts_add_refuses(
    cli: Cli, db: Database, token_file: Path, change: str, exit_code: int, hint: str
) -> None:
    account_id = add_mastodon(cli, token_file).data["id"]

    ran = cli("accounts", "set", account_id, "visibility=unlisted", change, "--json")

    assert ran.exit_code == exit_code
    assert hint in ran.error["hint"]
    assert row(db, account_id)["settings"] == {"base_url": "https://social.example"}


@pytest.mark.parametrize("status", ["processing", "unconfirmed"])
def test_accounts_set__moves_no_account_whose_lost_posts_would_be_looked_for_elsewhere(
    cli: Cli, db: Database, token_file: Path, status: str
) -> None:
    account_id = add_mastodon(cli, token_file).data["id"]
    cli("posts", "add", "--account", account_id, "--text", "hello")
    db.connection.execute("UPDATE socialcron.posts SET status = %s", [status])

    moved = cli("accounts", "set", account_id, "base_url=https://other.example", "--json")
    told = cli("accounts", "set", account_id, "visibility=unlisted", "--json")

    assert (moved.exit_code, told.exit_code) == (65, 0)
    assert "posts list --status unconfirmed" in moved.error["hint"]
    assert row(db, account_id)["settings"]["base_url"] == "https://social.example"


def test_accounts_set__can_take_back_a_setting_that_the_platform_no_longer_has(
    cli: Cli, db: Database
) -> None:
    account_id = add_stub(cli)
    db.connection.execute("""UPDATE socialcron.accounts SET settings = '{"of_old": "1"}'""")

    assert "now has no settings" in cli("accounts", "set", account_id, "of_old=").stdout


def test_accounts__answer_an_unknown_id_with_exit_2(cli: Cli) -> None:
    for command in ("show", "enable", "disable", "remove", "test", "reconnect", "set"):
        for account_id in ("99", "0", "-1", "me", str(2**63)):
            more = ("a=b",) if command == "set" else ()
            ran = cli("accounts", command, "--json", "--", account_id, *more)
            assert ran.exit_code == 2
            assert "account" in ran.stdout


@pytest.mark.direct("the pooler's connections know the database's old setting")
def test_accounts__say_69_on_a_read_only_database(cli: Cli, db: Database) -> None:
    account_id = add_stub(cli)
    name = db.connection.info.dbname
    db.connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
    for arguments in (["add", "stub", "--handle", "b"], ["disable", account_id], ["remove", account_id]):
        ran = cli("accounts", *arguments, "--json")
        assert (ran.exit_code, ran.error["code"]) == (69, "database_unavailable")


def test_accounts_test__says_who_it_is_and_keeps_the_id(cli: Cli, db: Database) -> None:
    account_id = add_stub(cli)
    ran = cli("accounts", "test", account_id, "--json")
    assert (ran.exit_code, ran.data["ok"], ran.data["external_id"]) == (0, True, "me")
    assert row(db, account_id)["external_id"] == "me"


def test_accounts_test__asks_the_platform_and_stores_the_session_it_makes(
    cli: Cli, db: Database, settings: Settings, tmp_path: Path
) -> None:
    with Sandbox.start() as sandbox:
        given = sandbox.account("bluesky", "me.example")
        path = tmp_path / "password.json"
        path.write_text(json.dumps(given["credentials"]))
        account_id = cli(
            *("accounts", "add", "bluesky", "--handle", given["handle"], "--credentials", path, "--json"),
            *("--set", f"base_url={given['base_url']}"),
        ).data["id"]

        ran = cli("accounts", "test", account_id, "--json")

    assert ran.exit_code == 0
    stored = row(db, account_id)
    assert (stored["external_id"], stored["token_version"]) == (given["external_id"], 1)
    assert KeyRing(settings.secret_key).decrypt(stored["credentials"], account_id=account_id)["access_token"]


def test_accounts_test__exits_1_and_asks_for_a_reconnect_when_credentials_are_refused(
    cli: Cli, db: Database, token_file: Path
) -> None:
    with Sandbox.start() as sandbox:
        account_id = cli(
            *("accounts", "add", "mastodon", "--handle", "me", "--credentials", token_file, "--json"),
            *("--set", f"base_url={sandbox.url('mastodon')}"),
        ).data["id"]
        ran = cli("accounts", "test", account_id, "--json")
    assert (ran.exit_code, ran.data["error_class"]) == (1, "auth_expired")
    assert "reconnect" in ran.data["hint"]
    assert row(db, account_id)["status"] == "needs_reconnect"


def test_accounts_test__exits_1_when_the_server_is_not_there(cli: Cli, token_file: Path) -> None:
    account_id = cli(
        *("accounts", "add", "mastodon", "--handle", "me", "--credentials", token_file, "--json"),
        *("--set", "base_url=http://127.0.0.1:9"),
    ).data["id"]
    ran = cli("accounts", "test", account_id)
    assert ran.exit_code == 1
    assert ran.stdout.startswith("no answer:")
    assert SECRET not in ran.stdout


def test_accounts_add__refuses_a_handle_that_could_command_a_terminal(cli: Cli) -> None:
    ran = cli("accounts", "add", "stub", "--handle", "me\x1b[31m", "--json")

    assert (ran.exit_code, ran.error["message"]) == (65, "the handle holds control characters")


def test_accounts_test__says_that_a_platform_edited_by_hand_is_none(cli: Cli, db: Database) -> None:
    account_id = add_stub(cli)
    db.connection.execute("UPDATE socialcron.accounts SET platform = 'myspace'")

    ran = cli("accounts", "test", account_id, "--json")

    assert (ran.exit_code, ran.error["message"]) == (2, "there is no platform 'myspace'")


def test_accounts_add__supabase_takes_address_and_key_from_settings(
    cli: Cli, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = cli("accounts", "add", "supabase", "--handle", "blog", "--json")
    assert (alone.exit_code, "base_url" in alone.error["message"]) == (2, True)

    monkeypatch.setenv("SUPABASE_URL", "https://project.supabase.co")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "service-role-key")
    ran = cli("accounts", "add", "supabase", "--handle", "blog", "--json")
    elsewhere = cli(
        "accounts", "add", "supabase", "--handle", "blog", "--set", "base_url=https://a.example", "--json"
    )

    stored = row(db, ran.data["id"])
    assert (stored["credentials"], stored["settings"]) == (None, {})
    assert (elsewhere.exit_code, "--credentials" in elsewhere.error["message"]) == (2, True)


def test_accounts_add__an_app_is_a_name(cli: Cli, token_file: Path) -> None:
    assert add_mastodon(cli, token_file, "--set", "app=my-shop").exit_code == 0
    refused = add_mastodon(cli, token_file, "--set", "app=a b", handle="other")
    assert (refused.exit_code, refused.error["message"]) == (65, "the setting app is no name")
