"""`doctor`: what keeps posts from going out, or soon will. It changes nothing.

Each check stands alone: one that cannot be made has failed, and the next one follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from socialcron.batches import doctor_database, doctor_host, doctor_queue
from socialcron.batches.doctor_check import FAIL, Check, fail
from socialcron.errors import DatabaseUnavailable, SocialcronError
from socialcron.settings import Settings
from socialcron.store.engine import Database


def diagnose(settings: Settings, env_file: Path | None, environ: Mapping[str, str]) -> Iterator[Check]:
    """Every check, in the order in which they are worth reading: what later ones rest on comes first."""
    yield from doctor_host.check_host(settings, env_file, environ)
    try:
        db = Database.connect(settings)
    except SocialcronError as exc:
        yield _unreachable("database", exc)
        return
    try:
        yield from _with_database(db, settings)
    except DatabaseUnavailable as exc:
        yield _unreachable("connection", exc)  # it was there a moment ago
    finally:
        db.close()
    if settings.read_url:
        yield from _made("replica", lambda: doctor_database.check_replica(settings))


def _with_database(db: Database, settings: Settings) -> Iterator[Check]:
    yield from doctor_database.check_server(db, settings)
    schema = list(_made("migrations", lambda: doctor_database.check_schema(db)))
    yield from schema
    if any(check.state == FAIL for check in schema):
        return
    checks: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("privileges", lambda: doctor_database.check_privileges(db)),
        ("row level security", lambda: doctor_database.check_row_level_security(db)),
        ("exposure", lambda: doctor_database.check_exposure(db)),
        ("secret key", lambda: doctor_database.check_secret_key(db, settings)),
        ("accounts", lambda: doctor_queue.check_accounts(db)),
        ("addresses", lambda: doctor_queue.check_addresses(db, settings)),
        ("runs", lambda: doctor_queue.check_runs(db, settings)),
        ("posts", lambda: doctor_queue.check_posts(db)),
        ("partitions", lambda: doctor_queue.check_partitions(db)),
        ("deliveries", lambda: doctor_queue.check_deliveries(db)),
        ("recurrences", lambda: doctor_queue.check_recurrences(db)),
    ]
    for name, check in checks:
        yield from _made(name, check, lost=lambda: db.is_broken)


def _made(
    name: str, check: Callable[[], Iterable[Check]], *, lost: Callable[[], bool] = lambda: False
) -> Iterator[Check]:
    """What `check` says, or that it could not be made. Raises DatabaseUnavailable if `lost` then says so."""
    try:
        yield from check()
    except SocialcronError as exc:
        if lost():
            raise
        yield fail(name, str(exc.message), exc.hint or "Mend that, and run it again.")


def _unreachable(name: str, exc: SocialcronError) -> Check:
    return fail(name, f"{exc.message}; nothing else can be seen", exc.hint or "Check DATABASE_URL.")
