"""`socialcron keys list | rotate`: the keys that stored secrets are encrypted with, by fingerprint and never shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from socialcron import log
from socialcron.batches.summary import counted
from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, group_app
from socialcron.commands.display import progress_bar, show, table
from socialcron.errors import ConfigError, reason
from socialcron.exitcodes import ExitCode
from socialcron.settings import Settings

if TYPE_CHECKING:
    from socialcron.batches.rotating import Inventory
    from socialcron.store.engine import Database
    from socialcron.store.secrets import KeyRing

KEY = "SOCIALCRON_SECRET_KEY"
SHOWN = 20  # names of what no key opens

app = group_app("List the keys of stored secrets, and change them.", "socialcron keys list")


@app.command("list", epilog=example("socialcron keys list"))
def list_command(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Show the keys of SOCIALCRON_SECRET_KEY by fingerprint, and how many stored secrets each opens."""
    with command_context("keys list", json=json, env_file=env_file) as ctx:
        from socialcron.store.secrets import KeyRing

        found = inventory(ctx.database, KeyRing(ctx.settings.secret_key), json=json)
        rows = [
            (position + 1, name, found.opened[position], _state(found, position))
            for position, name in enumerate(found.fingerprints)
        ]
        keys = [
            {"fingerprint": name, "newest": position == 1, "opens": opens, "unused": name in found.unused}
            for position, name, opens, _ in rows
        ]
        ctx.emit(
            {"keys": keys, "secrets": found.total, "waiting": found.waiting, "unreadable": found.unreadable},
            text=lambda console: show(
                console,
                table("", ["#", "=key", "#opens", "state"], rows),
                *([_unreadable(found)] if found.unreadable else []),
            ),
        )


@app.command("rotate", epilog=example("socialcron keys rotate --new"))
def rotate_command(
    new: Annotated[
        bool,
        typer.Option("--new", help="First make a key and put it in front of the ring in .env."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Encrypt every stored secret with the newest key. Safe while others post; run it again if it was stopped.

    --new is for one host. Where several share the database, each of them needs the new key before anything is encrypted
    with it: README, "Changing the key".
    """
    with command_context("keys rotate", json=json, env_file=env_file) as ctx:
        from socialcron.batches import rotating
        from socialcron.batches.signals import watched_signals
        from socialcron.store.secrets import KeyRing, new_key

        key_ring, path = KeyRing(ctx.settings.secret_key), env_file or Path(".env")
        found = inventory(ctx.database, key_ring, json=json)
        if new:
            _require_ring_in(path, ctx.settings)
        if dry_run:
            waiting = found.opened.total() if new else found.waiting
            ctx.emit(
                {"rotated": 0, "would_rotate": waiting, "unreadable": found.unreadable},
                text=(f"would make a key in {path}, and " if new else "would ")
                + f"encrypt {_secrets(waiting)} anew"
                + (f"\n{_unreadable(found)}" if found.unreadable else ""),
            )
            return
        if new:
            made = new_key()
            log.hide([made])
            add_key(path, made)  # on the disk before anything needs it
            key_ring = KeyRing(Settings.load(env_file).secret_key)
        with (
            watched_signals() as signals,
            progress_bar(rotating.count_secrets(ctx.database), "secrets", wanted=not json) as advance,
        ):
            rotated = rotating.rotate(
                ctx.database, key_ring, stopped=lambda: signals.received, progress=advance
            )
        # Looked at again, for runs that began with the old ring may have stored something meanwhile.
        found = inventory(ctx.database, key_ring, json=json)
        ctx.emit(
            {
                "rotated": rotated,
                "key_made": key_ring.fingerprints[0] if new else None,
                "env_file": path.absolute() if new else None,
                "waiting": found.waiting,
                "unused": found.unused,
                "unreadable": found.unreadable,
            },
            text="\n".join(_report(found, rotated, path if new else None)),
        )
        if signals.received:
            raise typer.Exit(ExitCode.INTERRUPTED)


def inventory(db: Database, key_ring: KeyRing, *, json: bool) -> Inventory:
    from socialcron.batches import rotating

    with progress_bar(rotating.count_secrets(db), "secrets", wanted=not json) as advance:
        return rotating.take_inventory(db, key_ring, progress=advance)


def _state(found: Inventory, position: int) -> str:
    if position == 0:
        return "newest: encrypts"
    return "in use: socialcron keys rotate" if found.opened[position] else "unused: may be taken out"


def _report(found: Inventory, rotated: int, path: Path | None) -> Iterator[str]:
    name = found.fingerprints[0]
    if path is not None:
        yield f"key {name} made, first of the ring in {path}: keep a copy of that file"
    yield f"{_secrets(rotated)} encrypted anew with key {name}; {found.opened[0]} of {found.total} are under it now"
    if found.waiting:
        yield f"{_secrets(found.waiting)} still under an older key: run `socialcron keys rotate` again"
    elif found.unused:
        yield (
            f"{', '.join(found.unused)} {'opens' if len(found.unused) == 1 else 'open'} nothing any more: to be taken"
            " out of the ring on every host if `socialcron keys list` still says so in an hour"
        )
    if found.unreadable:
        yield _unreadable(found)


def _unreadable(found: Inventory) -> str:
    names = ", ".join(found.unreadable[:SHOWN]) + (" ..." if len(found.unreadable) > SHOWN else "")
    return (
        f"no key of the ring opens {_secrets(len(found.unreadable))}: {names}. "
        "Put their key back into the ring, or give them anew: `accounts reconnect`, `subscriptions add`."
    )


def _secrets(count: int) -> str:
    return counted(count, "stored secret")


# --- the ring in .env --------------------------------------------------------------------------------------------


def _require_ring_in(path: Path, settings: Settings) -> None:
    """Raise ConfigError unless the ring in use is the one in `path`, where a new key would be read back from."""
    from dotenv import dotenv_values

    elsewhere = next((name for name in (KEY, f"{KEY}_FILE") if name in os.environ), None)
    if elsewhere is None and path.is_file() and dotenv_values(path, interpolate=False).get(KEY):
        return
    raise ConfigError(
        f"the keys in use come from {elsewhere or f'{KEY}_FILE'}, not from {path}",
        hint="Put a new key in front there yourself (`openssl rand -base64 32 | tr +/ -_` makes one), "
        "then run `socialcron keys rotate`.",
    )


def add_key(path: Path, key: str) -> None:
    """Put `key` in front of the ring in `path`, which is replaced as a whole (mode 0600); other lines stay as they are.

    It is on the disk when this returns. Raises ConfigError; the file is as it was then, or holds the key.
    """
    from dotenv.parser import parse_stream

    target = path.resolve()  # the file a link points to is replaced, not the link
    part = target.with_name(f"{target.name}.new")
    try:
        with _locked(target) as file:
            bindings = list(parse_stream(file))
            last = max(
                number for number, found in enumerate(bindings) if found.key == KEY
            )  # it is the one that counts
            text = [found.original.string for found in bindings]
            ring = bindings[last].value or ""
            head, name, rest = text[last].partition(KEY)
            if not ring or ring not in rest:
                raise ConfigError(f"cannot read {KEY} in {path}", hint=f"Write it as {KEY}=KEY,OLDER_KEY.")
            text[last] = head + name + rest.replace(ring, f"{key},{ring}", 1)
            was = os.fstat(file.fileno())
            part.unlink(missing_ok=True)  # of one that died: nobody else is here, for we have the lock
            with open(
                os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as made:
                if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()) and os.geteuid() == 0:
                    os.fchown(
                        made.fileno(), was.st_uid, was.st_gid
                    )  # root rotates, another user's cron reads
                made.write("".join(text))
                made.flush()
                os.fsync(made.fileno())
            part.replace(target)
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"cannot write the new key to {path}: {reason(exc)}",
            hint="Nothing was encrypted anew. Run this as a user who may write that file and its directory.",
        ) from exc


@contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    """The file, locked against another `init` or `keys rotate --new`; opened again where one of them replaced it."""
    import fcntl

    while True:
        with path.open("r+", encoding="utf-8", newline="") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                yield file
                return
