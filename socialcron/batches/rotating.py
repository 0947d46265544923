"""`keys`: which key of the ring opens which stored secret, and everything under the newest one.

A batch is read, encrypted anew and stored under its rows' locks, so that a token refresh of the same moment either
comes before, and is what gets encrypted, or after, and stays. A run that dies has done some batches; the next one finds
them under the newest key and goes on with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from socialcron.errors import ConfigError
from socialcron.store import sealed
from socialcron.store.engine import Database
from socialcron.store.sealed import SEALED_COLUMNS, SealedColumn
from socialcron.store.secrets import KeyRing


@dataclass(slots=True, kw_only=True)
class Inventory:
    """How many stored secrets each key of the ring opens, newest key first, and those that none opens."""

    fingerprints: Sequence[str]
    opened: Counter[int] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)  # "account 7"

    @property
    def total(self) -> int:
        return self.opened.total() + len(self.unreadable)

    @property
    def waiting(self) -> int:
        """Under an older key."""
        return self.opened.total() - self.opened[0]

    @property
    def unused(self) -> list[str]:
        """Older keys that open nothing."""
        return [
            name for position, name in enumerate(self.fingerprints) if position and not self.opened[position]
        ]


def take_inventory(
    db: Database, key_ring: KeyRing, *, progress: Callable[[int], None] = lambda count: None
) -> Inventory:
    """Raises ConfigError when this login may not see every row."""
    _see_everything(db)
    found = Inventory(fingerprints=key_ring.fingerprints)
    for column in SEALED_COLUMNS:
        for rows in sealed.read_sealed(db, column):
            for row in rows:
                position = key_ring.position(row.text)
                if position is None:
                    found.unreadable.append(f"{column.what} {row.id}")
                else:
                    found.opened[position] += 1
            progress(len(rows))
    return found


def rotate(
    db: Database,
    key_ring: KeyRing,
    *,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Encrypt under the newest key what is under an older one; how many. Ends early once `stopped`.

    What no key opens stays as it is. Raises ConfigError, DatabaseUnavailable; what was done until then is done.
    """
    _see_everything(db)
    count = 0
    for column in SEALED_COLUMNS:
        for rows in sealed.read_sealed(db, column):
            if stopped():
                return count
            if ids := [row.id for row in rows if key_ring.position(row.text)]:
                count += db.retrying(partial(_rotate_batch, db, column, key_ring, ids))
            progress(len(rows))
    return count


def _rotate_batch(db: Database, column: SealedColumn, key_ring: KeyRing, ids: Sequence[int]) -> int:
    with db.transaction():
        rows = sealed.lock_sealed(db, column, ids)
        texts = {row.id: key_ring.rotate(row.text) for row in rows if key_ring.position(row.text)}
        sealed.store_sealed(db, column, texts)
    return len(texts)


def count_secrets(db: Database) -> int:
    return sum(sealed.count_sealed(db, column) for column in SEALED_COLUMNS)


def _see_everything(db: Database) -> None:
    for column in SEALED_COLUMNS:
        if not sealed.sees_all_rows(db, column):
            raise ConfigError(
                f"row level security hides rows of socialcron.{column.table} from the login of DATABASE_URL",
                hint="Connect as the owner of the schema, or as a member of socialcron_worker (sql/grants.sql).",
            )
