"""`accounts import`: tokens from a file or a query; all of them or none, again and again, and never echoed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from socialcron.store.engine import Database
from socialcron.store.secrets import KeyRing
from socialcron.store.tokens import read_accounts
from tests.conftest import Cli, Ran
from tests.world import World

SECRET = "very-secret-token"
Import = Callable[..., Ran]


@pytest.fixture
def load(cli: Cli, tmp_path: Path) -> Import:
    def load_(*rows: Any, options: tuple[object, ...] = ()) -> Ran:
        path = tmp_path / "accounts.jsonl"
        path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
        ran = cli("accounts", "import", path, "--json", *options)
        assert SECRET not in ran.stdout + ran.stderr
        return ran

    return load_


def line(number: int = 1, **more: Any) -> dict[str, Any]:
    credentials = {"access_token": f"{SECRET}-{number}", "refresh_token": f"{SECRET}-r{number}"}
    row = {"platform": "x", "handle": f"@me{number}", "external_id": f"{number}", "credentials": credentials}
    return {**row, **more}


def stored(db: Database) -> list[dict[str, Any]]:
    rows = db.connection.execute("SELECT to_jsonb(a) FROM socialcron.accounts AS a ORDER BY id")
    return [row[0] for row in rows]


def opened(world: World, account: int = 1) -> dict[str, Any]:
    sealed = read_accounts(world.db, [account])[account].credentials
    return KeyRing(world.settings.secret_key).decrypt(str(sealed), account_id=account)


def test_import__stores_accounts_encrypted_with_all_they_have(
    load: Import, world: World, db: Database
) -> None:
    first = line(1, settings={"text_limit": 4000})
    first["credentials"]["expires_at"] = "2026-12-01T08:00:00Z"
    ran = load(first, "", {**line(2), "external_id": 77, "credentials": json.dumps(line(2)["credentials"])})

    assert ran.exit_code == 0, ran.stdout
    assert (ran.data["applied"], ran.data["new"]) == (True, 2)
    assert [(row["number"], row["status"], row["id"]) for row in ran.data["rows"]] == [
        (1, "new", 1),
        (3, "new", 2),
    ]
    one, two = stored(db)
    assert SECRET not in json.dumps([one, two])
    assert opened(world, 1) == {"access_token": f"{SECRET}-1", "refresh_token": f"{SECRET}-r1"}
    assert (one["handle"], one["external_id"], one["settings"]) == ("@me1", "1", {"text_limit": "4000"})
    assert one["token_expires_at"].startswith("2026-12-01T08:00:00")
    assert two["external_id"] == "77"


def test_import__again_changes_nothing_even_where_our_tokens_are_newer(
    load: Import, world: World, db: Database
) -> None:
    """Single-use tokens of yesterday's table are dead; taking them again would disconnect the account."""
    load(line(1))
    renewed = KeyRing(world.settings.secret_key).encrypt({"access_token": "newer", "refresh_token": "newer"})
    db.connection.execute("UPDATE socialcron.accounts SET credentials = %s, token_version = 5", (renewed,))

    ran = load(line(1))

    assert (ran.exit_code, ran.data["rows"][0]["status"], ran.data["rows"][0]["id"]) == (0, "unchanged", 1)
    assert (opened(world)["access_token"], stored(db)[0]["token_version"]) == ("newer", 5)


def test_import__new_tokens_of_a_known_account_are_taken_and_let_it_post_again(
    load: Import, world: World, db: Database
) -> None:
    load(line(1))
    db.connection.execute("UPDATE socialcron.accounts SET status = 'needs_reconnect'")

    ran = load({**line(9), "external_id": "1", "handle": "@renamed"})

    assert [(row["status"], row["id"]) for row in ran.data["rows"]] == [("updated", 1)]
    (account,) = stored(db)
    assert (account["handle"], account["status"], account["token_version"]) == ("@renamed", "active", 1)
    assert opened(world)["access_token"] == f"{SECRET}-9"
    assert load(line(1)).data["updated"] == 1, "the older ones are news again"


def test_import__finds_an_account_by_its_handle_where_one_side_has_no_id(load: Import, db: Database) -> None:
    load({**line(1), "external_id": None})
    assert load({**line(2), "handle": "@ME1"}).data["updated"] == 1
    assert [account["external_id"] for account in stored(db)] == ["2"]
    assert load({**line(3), "handle": "@me1", "external_id": None}).data["updated"] == 1
    assert load({**line(3), "handle": "@ME1"}).data["new"] == 1, "another id is another account"
    ran = load({**line(4), "handle": "@me1", "external_id": None})
    assert "any of the accounts 1, 2" in ran.error["problems"][0]


def test_import__moves_no_account_whose_posts_are_on_their_way(load: Import, cli: Cli, db: Database) -> None:
    load(line(1, settings={"text_limit": "280"}))
    cli("posts", "add", "--account", 1, "--text", "hello")
    db.connection.execute("UPDATE socialcron.posts SET status = 'unconfirmed'")
    moved = load({**line(2, settings={"text_limit": "4000"}), "external_id": "1"})
    assert "account 1 has 1 posts that are being sent" in moved.error["problems"][0]
    assert "another text_limit" in moved.error["problems"][0]
    same = load({**line(2, settings={"text_limit": "280", "app": "shop"}), "external_id": "1"})
    assert same.data["updated"] == 1
    assert stored(db)[0]["settings"] == {"text_limit": "280", "app": "shop"}


def test_import__takes_one_account_in_two_rows_for_a_mistake(load: Import, db: Database) -> None:
    ran = load(
        line(1), line(2), {**line(3), "handle": "me1", "external_id": None}, {**line(4), "external_id": "2"}
    )
    assert ran.error["problems"] == [
        f"line {number}: is the same account as one before it" for number in (3, 4)
    ]
    nameless = {**line(1), "external_id": None}
    assert load(nameless, {**line(2), "handle": "me1"}).exit_code == 65
    assert load(line(1), {**line(2), "handle": "@me1"}).data["new"] == 2, (
        "a handle is no identity where ids differ"
    )


def test_import__says_of_every_bad_row_which_field_and_stores_none(load: Import, db: Database) -> None:
    ran = load(
        line(1),
        "{not json",
        ["list"],
        {**line(2), "colour": "red"},
        {**line(3), "platform": "myspace"},
        {"handle": "@a", "credentials": {}},
        {"platform": "x", "credentials": line(4)["credentials"]},
        {"platform": "x", "handle": "@a"},
        {**line(5), "credentials": SECRET},
        {**line(6), "credentials": {"token": SECRET}},
        {**line(7), "credentials": {"refresh_token": SECRET}},
        {**line(8), "settings": {"colour": "red"}},
        {**line(9), "settings": "[1]"},
        {**line(10), "handle": "me\x1b[31m"},
        {**line(11), "external_id": True},
        {"platform": "mastodon", "handle": "@a", "credentials": {"access_token": SECRET}},
        {**line(1), "handle": "@again"},
        {**line(12), "settings": {"text_limit": ["4000"]}},
    )
    assert (ran.exit_code, ran.error["code"]) == (65, "bad_input")
    assert "17 of 18 lines" in ran.error["message"]
    said = dict(problem.split(": ", 1) for problem in ran.error["problems"])
    expected = {
        2: "not JSON (column 2)",
        3: "not a JSON object",
        4: "unknown: 'colour'",
        5: "platform: there is no platform 'myspace'",
        6: "platform: missing",
        7: "handle: missing",
        8: "credentials: missing",
        9: "credentials: is not JSON",
        10: "credentials: the credentials hold unknown keys: 'token'",
        11: "credentials: the credentials lack 'access_token'",
        12: "settings: X (Twitter) has no setting 'colour'",
        13: "settings: is not a JSON object",
        14: "handle: the handle holds control characters",
        15: "external_id: must be a text",
        16: "settings: Mastodon and compatible servers needs the setting base_url",
        17: "is the same account as one before it",
        18: "settings: 'text_limit' must be a text",
    }
    assert set(said) == {f"line {number}" for number in expected}
    for number, words in expected.items():
        assert said[f"line {number}"].startswith(words)
    assert stored(db) == []
    assert [row["status"] for row in ran.data["rows"]][:2] == ["new", "error"]


def test_import__dry_run_judges_and_stores_nothing(load: Import, db: Database) -> None:
    ran = load(line(1), line(2), options=("--dry-run",))
    assert (ran.exit_code, ran.data["applied"], ran.data["new"]) == (0, False, 2)
    assert stored(db) == []


def test_import__reads_stdin_and_rows_of_one_platform(
    cli: Cli, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = line(1)
    del row["platform"]
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(row).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    ran = cli("accounts", "import", "-", "--platform", "x")
    assert (ran.exit_code, ran.stdout) == (0, "1 new, 0 updated, 0 unchanged\n")


def test_import__of_an_account_that_needs_a_session_makes_one(cli: Cli, load: Import, world: World) -> None:
    made = world.sandbox.account("bluesky", "me.example")
    row = {"platform": "bluesky", "handle": made["handle"], "credentials": made["credentials"]}
    load({**row, "settings": {"base_url": made["base_url"]}})
    assert cli("accounts", "test", 1, "--json").data["ok"] is True


# --- a query -----------------------------------------------------------------------------------------------------

TABLE = """
CREATE TABLE public.tokens (network text, username text, user_id bigint, access text, refresh text, ends timestamptz);
INSERT INTO public.tokens VALUES ('x', 'me', 7, 'very-secret-token-1', 'very-secret-token-r1', '2026-12-01 08:00+00'),
                                 ('x', 'you%', 8, 'very-secret-token-2', NULL, '2026-12-01 08:00+00')
"""
QUERY = """
SELECT network AS platform, '@' || username AS handle, user_id AS external_id,
       jsonb_build_object('access_token', access, 'refresh_token', refresh, 'expires_at', ends) AS credentials
  FROM public.tokens
"""


@pytest.fixture
def query(cli: Cli, db: Database) -> Import:
    db.connection.execute(TABLE.encode())

    def query_(text: str, *options: str) -> Ran:
        ran = cli("accounts", "import", "--query", text, *options, "--json")
        assert SECRET not in ran.stdout + ran.stderr
        return ran

    return query_


def test_import_query__reads_a_table_of_the_same_database(query: Import, world: World, db: Database) -> None:
    ran = query(QUERY)

    assert ran.exit_code == 0, ran.stdout
    assert [(row["number"], row["handle"], row["status"]) for row in ran.data["rows"]] == [
        (1, "@me", "new"),
        (2, "@you%", "new"),
    ]
    one, two = stored(db)
    assert (one["external_id"], one["token_expires_at"][:10]) == ("7", "2026-12-01")
    assert one["refresh_expires_at"] is None
    assert two["refresh_expires_at"][:10] == "2026-12-01", "nothing renews it"
    assert opened(world)["refresh_token"] == f"{SECRET}-r1"
    assert query(QUERY + ";\n").data["unchanged"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT handle FROM public.nowhere", 'relation "public.nowhere" does not exist'),
        ("SELEC 1", "syntax error"),
        ("", "syntax error"),
        ("DELETE FROM public.tokens RETURNING 'x' AS platform", "syntax error"),
        (
            "SELECT 1) AS a; DELETE FROM public.tokens; SELECT * FROM (SELECT 1",
            "cannot insert multiple commands",
        ),
        (
            "WITH gone AS (DELETE FROM public.tokens RETURNING *) SELECT * FROM gone",
            "must be at the top level",
        ),
        ("SELECT nextval('public.numbers') AS handle", "only reading is allowed"),
        ("SELECT access::int AS external_id FROM public.tokens", "SQLSTATE 22P02"),
        ("SELECT username FROM public.tokens WHERE username LIKE 'm%'", "unknown: 'username'"),
        (
            "SELECT network AS platform, username AS handle FROM public.tokens -- no more",
            "credentials: missing",
        ),
    ],
)
def test_import_query__refuses_what_is_no_such_query(
    query: Import, db: Database, text: str, words: str
) -> None:
    db.connection.execute("CREATE SEQUENCE public.numbers")
    ran = query(text)
    assert ran.exit_code == 65, ran.stdout
    assert words in " ".join([ran.error["message"], *ran.error.get("problems", [])])
    assert db.connection.execute("SELECT count(*) FROM public.tokens").fetchone() == (2,)
    assert stored(db) == []


def test_import__takes_a_file_or_a_query(cli: Cli, tmp_path: Path) -> None:
    assert cli("accounts", "import", "--json").exit_code == 2
    assert cli("accounts", "import", tmp_path / "x", "--query", "SELECT 1", "--json").exit_code == 2
    assert cli("accounts", "import", tmp_path / "nowhere.jsonl", "--json").exit_code == 2
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    assert cli("accounts", "import", empty, "--json").exit_code == 65
