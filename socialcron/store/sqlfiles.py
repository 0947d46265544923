"""Load SQL by name: from the package when installed (`socialcron/sql`), from the checkout otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


@cache
def root() -> Path:
    """The directory that holds `queries/` and `migrations/`."""
    packaged = _PACKAGE / "sql"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "sql"


@cache
def load(name: str) -> bytes:
    """The statement in `queries/NAME.sql`. As bytes, because psycopg takes only literals as str."""
    return (root() / "queries" / f"{name}.sql").read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    number: int
    name: str
    path: Path

    def sql(self) -> bytes:
        return self.path.read_bytes()

    def checksum(self) -> str:
        """SHA-256 of the text; line endings do not count, since git may change them on checkout."""
        from hashlib import sha256  # 3 ms of OpenSSL, which a cron tick has no use for

        return sha256(self.sql().replace(b"\r\n", b"\n")).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """Every `migrations/NNNN_name.sql` by number. Lists the directory and opens no file: commands call it each run."""
    found = [
        Migration(number=int(path.stem[:4]), name=path.stem[5:], path=path)
        for path in (root() / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql")
    ]
    return tuple(sorted(found, key=lambda migration: migration.number))


def newest_migration() -> int:
    """Number of the newest migration this code ships with; it is also the number of this code (see schema_meta)."""
    return migrations()[-1].number
