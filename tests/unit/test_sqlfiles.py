from __future__ import annotations

from pathlib import Path

from socialcron.store import sqlfiles


def test_migrations__are_numbered_without_gaps() -> None:
    numbers = [migration.number for migration in sqlfiles.migrations()]

    assert numbers == list(range(len(numbers)))


def test_migrations__say_why_in_their_first_line() -> None:
    for migration in sqlfiles.migrations():
        assert migration.sql().startswith(b"-- "), migration.path


def test_queries__are_one_statement_each() -> None:
    for path in (sqlfiles.root() / "queries").glob("*.sql"):
        code = "\n".join(line.split("--")[0] for line in path.read_text().splitlines())

        assert ";" not in code.strip().rstrip(";"), path


def test_checksum__does_not_depend_on_line_endings(tmp_path: Path) -> None:
    unix, windows = tmp_path / "a.sql", tmp_path / "b.sql"
    unix.write_bytes(b"SELECT 1;\nSELECT 2;\n")
    windows.write_bytes(b"SELECT 1;\r\nSELECT 2;\r\n")

    one, other = (sqlfiles.Migration(number=1, name="x", path=path) for path in (unix, windows))

    assert one.checksum() == other.checksum()
