from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from socialcron.store.engine import Database
from tests.conftest import Cli, Ran
from tests.media import png


@pytest.fixture
def stub(cli: Cli) -> int:
    return int(cli("accounts", "add", "stub", "--handle", "me", "--json").data["id"])


@pytest.fixture
def load(cli: Cli, tmp_path: Path) -> Any:
    def load_(text: str | bytes, *options: object, name: str = "posts.csv") -> Ran:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return cli("posts", "import", path, "--json", *options)

    return load_


def stored(db: Database) -> list[dict[str, Any]]:
    rows = db.connection.execute(
        """SELECT to_jsonb(c) || to_jsonb(p) FROM socialcron.posts AS p
             JOIN socialcron.contents AS c ON c.id = p.content_id ORDER BY p.id"""
    )
    return [row[0] for row in rows]


def lines(*rows: dict[str, Any]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def test_posts_import__reads_csv_with_everything_in_it(
    load: Any, db: Database, stub: int, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    ran = load(
        "\ufeffaccount,text,at,tz,media,alt,link,thread,first_comment,poll,key,priority,max_attempts,draft,variants\r\n"
        '1,"Hello, ""you""\r\nthere",2030-01-01T09:00,Europe/Berlin,a.png; https://img.example/b.png,A;B,'
        'https://a.example,"two\r\n---\r\nthree",more,yes;no,k1,5,1,yes,"{""x"": {""text"": ""short""}}"\r\n'
        "\r\n"
        "stub:me,now,,,,,,,,,,,,,\r\n"
    )
    assert ran.exit_code == 0
    assert [(row["line"], row["status"], row["id"]) for row in ran.data["rows"]] == [
        (2, "ok", 1),
        (7, "ok", 2),
    ]
    first, second = stored(db)
    assert first["text"] == 'Hello, "you"\r\nthere'
    assert first["due_at"] == "2030-01-01T08:00:00+00:00"
    assert first["media"] == [
        {"source": "a.png", "alt": "A"},
        {"source": "https://img.example/b.png", "alt": "B"},
    ]
    assert first["thread"] == [{"text": "two"}, {"text": "three"}]
    assert first["poll"]["options"] == ["yes", "no"]
    assert (first["external_key"], first["priority"], first["max_attempts"]) == ("k1", 5, 1)
    assert first["approved_at"] is None
    assert first["variants"] == {"x": {"text": "short"}}
    assert second["ready_at"] is not None


def test_posts_import__reads_jsonl_from_stdin(
    cli: Cli, db: Database, stub: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = lines(
        {"account": stub, "text": "one", "thread": ["two", {"text": "three"}], "draft": False},
        {"account": "stub:ME", "media": [{"source": "https://img.example/a.png", "alt": "A"}], "key": None},
        {"account": "1", "text": "poll", "poll": {"options": ["a", "b"], "duration_seconds": 600}},
    )
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    ran = cli("posts", "import", "-", "--json")
    assert (ran.exit_code, ran.data["added"]) == (0, 3)
    assert stored(db)[0]["thread"] == [{"text": "two"}, {"text": "three"}]
    assert stored(db)[2]["poll"]["duration_seconds"] == 600


def test_posts_import__repeated_with_keys_changes_nothing(
    load: Any, cli: Cli, db: Database, stub: int
) -> None:
    text = lines(*({"account": stub, "text": f"post {n}", "key": f"k{n}"} for n in range(3)))
    load(text, name="posts.jsonl")
    db.connection.execute("UPDATE socialcron.posts SET status = 'posted', due_at = now() - interval '1 year'")

    again = load(text, name="posts.jsonl")

    assert (again.exit_code, again.data["added"], again.data["existing"]) == (0, 0, 3)
    assert [(row["status"], row["id"]) for row in again.data["rows"]] == [("exists", n) for n in (1, 2, 3)]
    assert db.connection.execute("SELECT count(*) FROM socialcron.contents").fetchone() == (3,)


def test_posts_import__twice_the_same_key_in_one_file_is_one_post_or_an_error(
    load: Any, db: Database, stub: int
) -> None:
    row = {"account": stub, "text": "hi", "key": "k"}
    assert [v["status"] for v in load(lines(row, row)).data["rows"]] == ["ok", "exists"]
    ran = load(lines({**row, "key": "k2"}, {**row, "key": "k2", "text": "bye"}))
    assert ran.exit_code == 65
    assert "k2" in ran.data["rows"][1]["errors"][0]
    assert len(stored(db)) == 1


def test_posts_import__dry_run_judges_and_stores_nothing(load: Any, db: Database, stub: int) -> None:
    text = lines({"account": stub, "text": "hi", "key": "k"})
    ran = load(text, "--dry-run")
    assert (ran.exit_code, ran.data["applied"], ran.data["added"]) == (0, False, 0)
    assert (ran.data["rows"][0]["status"], ran.data["rows"][0]["id"]) == ("ok", None)
    assert stored(db) == []
    assert db.connection.execute("SELECT count(*) FROM socialcron.account_wakeups").fetchone() == (0,)


BAD_CSV = """account,text,at,media,poll,draft,priority
1,fine,,,,,
1,late,2020-01-01T00:00Z,,,,
9,nobody,,,,,
1,"broken" quotes,,,,,
1,cells,,,,,,
1,naive,2030-01-01T09:00,,,,
1,poll,,,one,,
1,draft,,,,maybe,
1,priority,,,,,high
1,media,,gone.png,,,
1,,,,,,
,hi,,,,,
"""


def test_posts_import__names_every_bad_line_of_a_csv_and_applies_nothing(
    load: Any, cli: Cli, db: Database, stub: int, tmp_path: Path
) -> None:
    ran = load(BAD_CSV)
    assert ran.exit_code == 65
    assert json.loads(ran.stdout)["error"]["code"] == "bad_input"
    verdicts = {row["line"]: (row["status"], " ".join(row["errors"])) for row in ran.data["rows"]}
    assert verdicts[2] == ("ok", "")
    expected = {
        3: "has passed",
        4: "no account 9",
        5: "not CSV",
        6: "8 cells",
        7: "neither an offset",
        8: "two options",
        9: "true or false",
        10: "whole number",
        11: "gone.png",
        12: "empty",
        13: "account",
    }
    for line, words in expected.items():
        assert verdicts[line][0] == "error"
        assert words in verdicts[line][1]
    assert stored(db) == []

    text = cli("posts", "import", tmp_path / "posts.csv")
    assert (text.exit_code, text.stdout) == (65, "")
    assert all(f"line {line}: " in text.stderr for line in expected)
    assert "Hint:" in text.stderr


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"account": 1, "text": "hi"', "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"account": 1, "colour": "red"}', "'colour'"),
        ('{"text": "hi"}', "account is missing"),
        ('{"account": {"id": 1}, "text": "hi"}', "no account"),
        ('{"account": "1\\u0000", "text": "hi"}', "no account"),
        ('{"account": "stub:\\ud800", "text": "hi"}', "no account"),
        ('{"account": 1, "text": 7}', "text: must be a text"),
        ('{"account": 1, "text": "a\\u0000b"}', "NUL"),
        ('{"account": 1, "text": "a\\ud800b"}', "UTF-8"),
        ('{"account": 1, "text": "hi", "key": "\\u0000"}', "NUL"),
        ('{"account": 1, "text": "hi", "key": 7}', "key: must be a text"),
        ('{"account": 1, "text": "hi", "media": {"a": 1}}', "must be a list"),
        ('{"account": 1, "text": "hi", "media": [7]}', "must be paths"),
        ('{"account": 1, "text": "hi", "thread": [7]}', "thread"),
        ('{"account": 1, "text": "hi", "variants": "{"}', "not JSON"),
        ('{"account": 1, "text": "hi", "variants": {"stub": 3}}', "variants.stub"),
        ('{"account": 1, "text": "hi", "poll": {"options": [1]}}', "poll"),
        ('{"account": 1, "text": "hi", "priority": true}', "whole number"),
        ('{"account": 1, "text": "hi", "draft": "maybe"}', "true or false"),
        ('{"account": 1, "text": "hi", "tz": "Mars"}', "no time zone"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_posts_import__names_what_is_wrong_with_a_json_line(
    load: Any, db: Database, stub: int, body: str, words: str
) -> None:
    ran = load(lines({"account": stub, "text": "fine"}) + "\n" + body, "--format", "jsonl")
    assert ran.exit_code == 65
    verdict = ran.data["rows"][1]
    assert (verdict["line"], verdict["status"]) == (2, "error")
    assert words in " ".join(verdict["errors"])
    assert stored(db) == []


@pytest.mark.parametrize(
    ("text", "exit_code", "words"),
    [
        ("", 65, "empty"),
        ("account,colour\n1,red\n", 65, "'colour'"),
        ("text\nhi\n", 65, "account"),
        ("account,text,text\n1,a,b\n", 65, "twice"),
        (b"account,text\n1,ok\n1,\xff\n", 65, "line 3"),
        ('account,"te\n', 65, "line 1"),
    ],
)
def test_posts_import__refuses_a_file_it_cannot_read(
    load: Any, stub: int, text: str | bytes, exit_code: int, words: str
) -> None:
    ran = load(text)
    assert ran.exit_code == exit_code
    assert words in ran.error["message"]
    assert ran.error["hint"]


def test_posts_import__answers_a_missing_file_and_an_unknown_format_with_exit_2(cli: Cli, stub: int) -> None:
    for arguments in (["/nowhere.csv"], ["\x00"], ["-", "--format", "xml"]):
        ran = cli("posts", "import", *arguments, "--json")
        assert ran.exit_code == 2
        assert ran.error["hint"]


def test_posts_import__takes_many_lines_at_once(load: Any, cli: Cli, db: Database, stub: int) -> None:
    ran = load(lines(*({"account": stub, "text": f"post {n}", "at": "+1h"} for n in range(1201))))
    assert ran.data["added"] == 1201
    assert [row["id"] for row in ran.data["rows"]] == list(range(1, 1202))
    texts = "SELECT count(*) FROM socialcron.posts JOIN socialcron.contents AS c ON c.id = content_id "
    matching = texts + "WHERE c.text = 'post ' || (posts.id - 1)"
    assert db.connection.execute(matching.encode()).fetchone() == (1201,)


def test_posts_import__names_every_bad_line_in_the_error_too(load: Any, stub: int) -> None:
    ran = load("account,text\n1,fine\n7,no such account\n1,\n")

    assert ran.exit_code == 65
    assert [problem.partition(":")[0] for problem in ran.error["problems"]] == ["line 3", "line 4"]
