"""Files that are not what they should be: one clear error each, exit 65, and nothing of them applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.world import World

HEAD = b"account,text,at\n"
GOOD = b"1,hello,+2d\n"


@pytest.fixture
def stub(world: World) -> int:
    return world.account("stub")


def posts(world: World) -> int:
    return int(world.value("SELECT count(*) FROM socialcron.posts"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(HEAD + GOOD + b"1,nul \x00 here,+2d\n", "line 3", id="NUL"),
        pytest.param(HEAD + GOOD + b"1,\xe9t\xe9,+2d\n", "line 3 is not UTF-8", id="Latin-1"),
        pytest.param((HEAD + GOOD).decode().encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param((HEAD + GOOD).decode().encode("utf-16-le"), "", id="UTF-16 without a mark"),
        pytest.param(b"account,text,text\n1,a,b\n", "a column occurs twice", id="the same header twice"),
        pytest.param(
            b"account, text,text \n1,a,b\n", "a column occurs twice", id="the same header, with spaces"
        ),
        pytest.param(
            HEAD + GOOD + b"1,a,+2d,more,and more\n", "5 cells, the header has 3", id="too many cells"
        ),
        pytest.param(HEAD + GOOD + b"1\n", "1 cells, the header has 3", id="too few cells"),
        pytest.param(
            b"account,text,password\n1,a,b\n", "unknown columns: 'password'", id="an unknown column"
        ),
        pytest.param(b",".join([b"text"] * 100_000) + b"\n", "", id="100,000 columns"),
        pytest.param(HEAD + GOOD + b'1,"never closed,+2d\n' + GOOD, "not CSV", id="an open quote"),
        pytest.param(HEAD + GOOD + b'1,"a"b,+2d\n', "not CSV", id="a letter after a quote"),
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"\xef\xbb\xbf", "empty", id="only a mark"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), "", id="a picture"),
        pytest.param(
            b'{"account": 1, "text": "a"}\n{"account": 1, "text": "\\ud800"}\n', "", id="half a character"
        ),
        pytest.param(
            b'{"account": 1, "text": "a"}\n{"account": 1, "text": "\\u0000"}\n', "", id="NUL in JSON"
        ),
        pytest.param(
            b'{"account": 1, "text": "a"}\n' + b"[" * 100_000 + b"\n", "line 2", id="a deep tower of JSON"
        ),
        pytest.param(b'{"account": 1e400, "text": "a"}\n', "", id="an infinite account"),
        pytest.param(b'{"account": 1, "text": "a", "priority": NaN}\n', "", id="no number"),
    ],
)
def test_a_hostile_file__is_refused_as_a_whole(
    world: World, cli: Cli, stub: int, tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "posts.txt"
    file.write_bytes(content)
    ran = cli("posts", "import", file, "--json")
    assert (ran.exit_code, posts(world)) == (65, 0), ran.stderr
    assert said in ran.error["message"] + str(ran.error.get("problems"))
    assert len(ran.error["message"]) < 500
    assert "\x00" not in ran.stdout


def test_a_field_of_100_megabytes__is_refused_in_one_line(
    world: World, cli: Cli, stub: int, tmp_path: Path
) -> None:
    file = tmp_path / "posts.csv"
    with file.open("wb") as target:
        target.write(HEAD + GOOD + b"1,")
        for _ in range(100):
            target.write(b"x" * 2**20)
        target.write(b",+2d\n")
    ran = cli("posts", "import", file)
    assert (ran.exit_code, posts(world)) == (65, 0)
    assert len(ran.stdout + ran.stderr) < 2000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_mark_and_line_ends__are_no_hostility(
    world: World, cli: Cli, stub: int, tmp_path: Path, end: str, mark: str
) -> None:
    file = tmp_path / "posts.csv"
    file.write_bytes((mark + end.join(["account,text,at", '1,"two\nlines",+2d', "1,one,+2d", ""])).encode())
    assert cli("posts", "import", file, "--json").data["added"] == 2
    found = world.db.connection.execute(b"SELECT text FROM socialcron.contents ORDER BY id").fetchall()
    assert found == [("two\nlines",), ("one",)]


def test_mixed_line_ends__are_all_line_ends(world: World, cli: Cli, stub: int, tmp_path: Path) -> None:
    file = tmp_path / "posts.csv"
    file.write_bytes(b"account,text,at\r\n1,a,+2d\n1,b,+2d\r1,c,+2d")
    assert cli("posts", "import", file, "--json").data["added"] == 3


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_formulas__go_out_tame_and_come_back_as_they_were(
    world: World, cli: Cli, stub: int, tmp_path: Path, form: str
) -> None:
    """The rule is in README, "Importing a file"; batches/exporting.py has it in one expression."""
    texts = [f"{quotes}{sign}cmd|' /C calc'!A0" for quotes in ("", "'", "''") for sign in "=+-@\t\r\n＝"]
    for text in texts:
        world.post(stub, text, due="now() + interval '1 day'")
    file = tmp_path / f"posts.{form}"
    cli("export", "posts", "--output", file)
    if form == "csv":
        import csv

        with file.open(newline="") as source:
            cells = [row["text"] for row in csv.DictReader(source)]
        assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n")] == []
    world.run("DELETE FROM socialcron.posts")
    world.run("DELETE FROM socialcron.contents")
    assert cli("posts", "import", file, "--json").data["added"] == len(texts)
    found = world.db.connection.execute(b"SELECT text FROM socialcron.contents ORDER BY id").fetchall()
    assert [text for (text,) in found] == texts
