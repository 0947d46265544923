"""Checks of `doctor` that ask what the database is: server, schema, rights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from socialcron.batches.doctor_check import Check, counted, fail, ok, some, span, warn
from socialcron.batches.rotating import take_inventory
from socialcron.errors import SocialcronError
from socialcron.settings import Settings
from socialcron.store import doctor
from socialcron.store.engine import Database
from socialcron.store.migrate import find_missing_tables, read_state
from socialcron.store.sealed import SEALED_COLUMNS, count_sealed
from socialcron.store.secrets import KeyRing
from socialcron.store.sqlfiles import newest_migration

# Nothing is due by the host's clock, but requests signed by OAuth 1.0a carry it and are refused when it is minutes off,
# tokens look valid that are not, and logs of several hosts cannot be put side by side.
SKEW_WARN_SECONDS, SKEW_FAIL_SECONDS = 5.0, 240.0
GRANTS = 'Run `psql "$DATABASE_URL" -f sql/grants.sql` again, as the owner of the schema; after every `db migrate`.'


def check_server(db: Database, settings: Settings) -> Iterator[Check]:
    """What needs no schema."""
    before = time.time()
    server = doctor.server(db)
    after = time.time()
    yield ok(
        "database", f"PostgreSQL {server.version}, as {server.role}", version=server.version, role=server.role
    )
    if server.standby or server.read_only:
        yield fail(
            "writable",
            "it is a standby: it only reads"
            if server.standby
            else "it takes no writes: default_transaction_read_only",
            "DATABASE_URL is for the primary; a replica is for SOCIALCRON_READ_URL."
            if server.standby
            else "Find out who made it read-only, and why: `SHOW default_transaction_read_only`.",
        )
    else:
        yield ok("writable", "it takes writes")
    yield _durability(server)
    yield _clock(server.clock, before, after)
    yield _pooler(db, settings)


def _durability(server: doctor.Server) -> Check:
    seen = {name: getattr(server, name) for name in ("fsync", "full_page_writes", "synchronous_commit")}
    off = [name for name, value in seen.items() if value == "off"]
    if "fsync" in off:
        return fail(
            "durability",
            "fsync is off: after a power cut the database may be lost, or forget what was sent and send it again",
            "Set fsync = on in postgresql.conf and reload.",
            **seen,
        )
    if off:
        return warn(
            "durability",
            f"{' and '.join(off)} {'are' if len(off) > 1 else 'is'} off: a crash may spoil or lose the latest writes",
            "Set it to on, unless the file system never tears a page (full_page_writes), or posts may be lost that "
            "were just scheduled (synchronous_commit). Sends are flushed to disk in any case.",
            **seen,
        )
    return ok("durability", "what is committed stays", **seen)


def _clock(database: datetime, before: float, after: float) -> Check:
    """The question takes time, so the answer is uncertain by half of it."""
    here = (before + after) / 2
    skew = here - database.timestamp()
    certain = max(abs(skew) - (after - before) / 2, 0.0)
    ahead = "ahead of" if skew > 0 else "behind"
    data = {"skew_seconds": round(skew, 3), "database_clock": database.astimezone(UTC)}
    if certain < SKEW_WARN_SECONDS:
        return ok("clock", f"{abs(skew):.1f} s {ahead} the database's", **data)
    state = fail if certain >= SKEW_FAIL_SECONDS else warn
    return state(
        "clock",
        f"this host is {span(certain)} {ahead} the database",
        "Posts go out by the database's clock all the same, but signed requests may be refused: let both use NTP.",
        **data,
    )


def _pooler(db: Database, settings: Settings) -> Check:
    """Which of three: all of them work.

    A server process that serves two of our connections in turn, or a connection that moves to another process between
    two transactions, means transaction pooling. A pooler makes up the process number that it tells a new client.
    """
    told = db.connection.info.backend_pid
    with db.transaction():  # a pooler in statement mode refuses this, and there is no working with it
        first = doctor.server(db).backend_pid
    other = Database.connect(settings)
    try:
        others = doctor.server(other).backend_pid
    finally:
        other.close()
    again = doctor.server(db).backend_pid
    if others == first or again != first:
        return ok("pooler", "a pooler in transaction mode is in between, which is fine", mode="transaction")
    if told != first:
        return ok("pooler", "a pooler in session mode is in between, which is fine", mode="session")
    return ok("pooler", "none: the connection is direct", mode="none")


def check_schema(db: Database) -> Iterator[Check]:
    """Whether this code may run on it. Nothing else makes sense before it may."""
    server = doctor.server(db)
    if server.may_enter is False:
        yield fail("migrations", f"{server.role} may not use the schema socialcron", GRANTS)
        return
    state = read_state(db)
    if problem := state.problem():
        yield fail("migrations", problem.message, problem.hint or "Run `socialcron db check`.")
    elif missing := find_missing_tables(db):
        yield fail(
            "migrations",
            f"somebody dropped or renamed {some(missing)}",
            "Undo that, or restore a backup.",
            missing=missing,
        )
    else:
        later = f"; a later release added {state.newer}" if state.newer else ""
        yield ok(
            "migrations", f"all of them, up to {newest_migration()}{later}", migration=newest_migration()
        )


def check_privileges(db: Database) -> Iterator[Check]:
    missing = doctor.missing_privileges(db)
    if missing:
        said = [f"{', '.join(sorted(row.privileges))} on {row.object}" for row in missing]
        yield fail(
            "privileges",
            f"{doctor.server(db).role} may not {some(said, 3)}",
            GRANTS,
            missing={row.object: row.privileges for row in missing},
        )
    else:
        yield ok("privileges", "this login may do all that cron jobs do")


def check_row_level_security(db: Database) -> Iterator[Check]:
    if unguarded := doctor.unguarded_tables(db):
        yield fail(
            "row level security",
            f"it is off for {some(unguarded)}, which holds credentials",
            f"ALTER TABLE socialcron.{unguarded[0]} ENABLE ROW LEVEL SECURITY",
            unguarded=unguarded,
        )
    elif hidden := doctor.hidden_tables(db):
        yield fail(
            "row level security",
            f"it hides rows of {some(hidden)} from {doctor.server(db).role}, so their posts never go out",
            GRANTS,
            hidden=hidden,
        )
    else:
        yield ok("row level security", "it guards credentials, and lets this login see them")


def check_exposure(db: Database) -> Iterator[Check]:
    if roles := doctor.exposed_to(db):
        yield fail(
            "exposure",
            f"the schema socialcron is open to {' and '.join(roles)}: to anybody who has the public key",
            f"REVOKE ALL ON SCHEMA socialcron FROM {', '.join(roles)}; and take it off the schemas of the API.",
            roles=roles,
        )
    else:
        yield ok("exposure", "no public role may enter the schema")


def check_secret_key(db: Database, settings: Settings) -> Iterator[Check]:
    try:
        ring = KeyRing(settings.secret_key)
    except SocialcronError as exc:
        stored = sum(count_sealed(db, column) for column in SEALED_COLUMNS)
        state = fail if stored or settings.secret_key else warn
        yield state("secret key", exc.message, exc.hint or "Run `socialcron init`.", stored=stored)
        return
    found = take_inventory(db, ring)
    data = {"opened": found.opened.total(), "waiting": found.waiting, "unreadable": found.unreadable}
    if found.unreadable:
        yield fail(
            "secret key",
            f"no key opens the secrets of {some(found.unreadable)}",
            "Put the key they were stored with back into SOCIALCRON_SECRET_KEY, or give them anew: "
            "`socialcron accounts reconnect`, `subscriptions add`.",
            **data,
        )
    elif found.waiting:
        yield warn(
            "secret key",
            f"{counted(found.waiting, 'secret')} {'is' if found.waiting == 1 else 'are'} under an older key",
            "`socialcron keys rotate` encrypts them with the newest one.",
            **data,
        )
    else:
        yield ok("secret key", f"it opens {counted(found.total, 'stored secret')}", **data)


def check_replica(settings: Settings) -> Iterator[Check]:
    """SOCIALCRON_READ_URL, for commands that only read."""
    replica = Database.connect(settings, replica=True)
    try:
        replica.check_schema()
        server = doctor.server(replica)
    finally:
        replica.close()
    yield ok("replica", f"PostgreSQL {server.version}" + ("" if server.standby else ", which is no standby"))
