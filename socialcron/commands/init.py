"""`socialcron init`: make what is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from shutil import which
from typing import Annotated

import typer

from socialcron.commands import schedule
from socialcron.commands.common import (
    EnvFileOption,
    JsonOption,
    command_context,
    example,
    is_interactive,
    single_app,
)
from socialcron.errors import ConfigError, UsageError, reason
from socialcron.settings import Settings
from socialcron.whens import zone_named

app = single_app()

KEY = "SOCIALCRON_SECRET_KEY"


@app.command(
    epilog=example(
        "socialcron init",
        "socialcron init --database-url-file url.txt --tz Asia/Tokyo --no-input",
    )
)
def init(
    database_url_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Use the PostgreSQL whose URL is in this file; .env will name the file, so keep it there.",
        ),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="IANA zone of times written without one, such as Europe/Berlin."),
    ] = None,
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where you post first: shows how to connect to it.")
    ] = None,
    install_crontab: Annotated[
        bool | None,
        typer.Option(
            "--install-crontab/--no-install-crontab",
            help="Put the jobs into your crontab, or leave it alone. [default: ask, on a terminal]",
            show_default=False,
        ),
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing.")] = False,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Make what is missing: the database, the schema, the key for credentials, the cron jobs.

    On a terminal it asks; else options answer, and what they leave out gets its default. With DATABASE_URL (in the
    environment or .env) that database is used; without, a private PostgreSQL is made under SOCIALCRON_HOME. What exists
    already is kept, so this may be run again at any time. Nothing is written before the database has answered.
    """
    from dotenv import dotenv_values

    path = env_file or Path(".env")
    there = path if path.is_file() else Path(os.devnull)
    known, here = Settings.load(there), dotenv_values(there, interpolate=False)
    asking = not (json or no_input) and is_interactive()
    if tz:
        zone_named(tz)
    if platform:
        from socialcron.platforms import registry

        registry.check(platform)

    new: dict[str, str] = {}  # variables for .env; the key comes last
    if database_url_file:
        new["DATABASE_URL_FILE"] = _url_file(database_url_file, known)
    elif asking and known.database_url is None and (url := _ask_for_database(known)):
        new["DATABASE_URL"] = url
    if tz is None and asking and not here.get("TZ"):  # one that only this shell has is offered
        tz = _ask_for_zone(known.tz)
    if tz:
        new["TZ"] = tz
    if asking and platform is None:
        platform = _ask_for_platform()
    if install_crontab is None and asking and which("crontab"):
        question = f"Put the {len(schedule.JOBS)} jobs into your crontab? Its other lines stay."
        install_crontab = typer.confirm(question, err=True)

    with command_context("init", json=json, env_file=there, check_schema=False) as ctx:
        from socialcron.store import embedded
        from socialcron.store.migrate import migrate

        if database := new.get("DATABASE_URL") or _content(new.get("DATABASE_URL_FILE")):
            ctx.settings = replace(ctx.settings, database_url=database)
        given = ctx.settings.database_url is not None
        database_made = not given and embedded.create(ctx.settings.home)
        applied = [migration.name for migration in migrate(ctx.database)]
        if not given:
            # cron knows neither this shell's variables nor always the same HOME.
            new["SOCIALCRON_HOME"] = str(ctx.settings.home.absolute())
        key_made = write_env(path, new)

        crontab = schedule.lines(env_file)
        name = f"{Path.cwd()}, {env_file}" if env_file else str(Path.cwd())
        installed = bool(install_crontab) and schedule.install(crontab, name=name)

        place = "DATABASE_URL" if given else f"embedded, in {ctx.settings.home}"
        lines = [
            f"database  {place}" + (" (made)" if database_made else ""),
            f"schema    {'migrated: ' + ', '.join(applied) if applied else 'up to date'}",
            f"key       {KEY}" + (f" (made, in {path})" if key_made else " (kept)"),
            f"crontab   {'jobs put there' if installed else 'kept'}",
        ]
        if key_made:
            lines.append(f"Keep a copy of {path}: without the key nobody can read the stored credentials.")
        if os.environ.get("DATABASE_URL") and not here.keys() & {"DATABASE_URL", "DATABASE_URL_FILE"}:
            lines.append(
                f"DATABASE_URL is known to this shell only: put it into {path}, where cron finds it."
            )
        lines += [
            "",
            "Next: connect an account and write a post:",
            *(f"  {step}" for step in steps(platform)),
        ]
        if not install_crontab:
            lines += ["and let cron publish it (`crontab -e`, or `socialcron init --install-crontab`):"]
            lines += [f"  {line}" for line in crontab]
        ctx.emit(
            {
                "database": "given" if given else "embedded",
                "database_made": database_made,
                "home": None if given else ctx.settings.home,
                "key_made": key_made,
                "env_file": path.absolute() if key_made or new else None,
                "applied": applied,
                "crontab": crontab,
                "crontab_installed": installed,
                "next": steps(platform),
            },
            text="\n".join(lines),
        )


def _url_file(path: Path, known: Settings) -> str:
    """Its absolute path, once it is clear that it holds something and no other database is set."""
    try:
        text = path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"cannot read {path}: {reason(exc)}", hint="It holds the URL and nothing else."
        ) from exc
    if not text:
        raise ConfigError(
            f"{path} is empty",
            hint="It holds postgresql://user@host:5432/database, with :password after the user.",
        )
    if known.database_url not in (None, text):
        raise UsageError(
            "another database is set already: DATABASE_URL, in the environment or .env",
            hint="Take that one away first, or leave out --database-url-file.",
        )
    return str(path.expanduser().absolute())


def _content(path: str | None) -> str | None:
    return Path(path).read_text(encoding="utf-8").strip() if path else None


def _ask_for_database(known: Settings) -> str:
    """A URL; empty for the embedded database, which is not asked about once it is there."""
    from socialcron.store import embedded

    if embedded.exists(known.home):
        return ""
    question = f"URL of your PostgreSQL (not shown; just Enter makes a private one in {known.home})"
    return str(typer.prompt(question, default="", show_default=False, hide_input=True, err=True)).strip()


def _ask_for_zone(ours: str | None) -> str:
    """An IANA name; `ours`, else the host's own, is offered."""
    ours = ours or Path("/etc/localtime").resolve().as_posix().partition("/zoneinfo/")[2] or "UTC"
    while True:
        answer = str(typer.prompt("Time zone of times you write without one", default=ours, err=True)).strip()
        try:
            zone_named(answer)
        except UsageError as exc:
            typer.echo(f"{exc.message}: {exc.hint}", err=True)
        else:
            return answer


def _ask_for_platform() -> str | None:
    from socialcron.platforms import registry

    while True:
        question = f"Where do you post first? {', '.join(registry.names())}; or just Enter"
        answer = str(typer.prompt(question, default="", show_default=False, err=True)).strip().lower()
        if not answer or answer in registry.names():
            return answer or None
        typer.echo(f"There is no platform {answer!r}.", err=True)


def steps(platform: str | None) -> list[str]:
    """The commands that come next."""
    from socialcron.platforms import registry

    match platform:
        case None:
            connect = "socialcron accounts connect PLATFORM    # `socialcron platforms list` shows them"
        case "stub":
            connect = "socialcron accounts add stub --handle me"
        case "mastodon":
            connect = (
                "socialcron accounts connect mastodon --set base_url=https://mastodon.social    # your server"
            )
        case name if registry.declaration(name).authorization:
            connect = f"socialcron accounts connect {name}    # `socialcron platforms show {name}` says what it needs"
        case name:
            connect = (
                f"socialcron accounts add {name} --handle NAME --credentials FILE    # see `platforms show`"
            )
    return [connect, "socialcron posts add --account 1 --text 'Hello from cron!' --at +2m"]


def write_env(path: Path, values: Mapping[str, str]) -> bool:
    """Add `values`, and a fresh key where there is none, to `path`, made with mode 0600; True if a key was made.

    In one write at the end of the file: what is there stays. Raises ConfigError.
    """
    from dotenv import dotenv_values

    there = path if path.is_file() else Path(os.devnull)
    here = dotenv_values(there, interpolate=False)
    if Settings.load(there).secret_key and values.items() <= here.items():
        return False
    import fcntl

    from socialcron.store.secrets import new_key

    try:
        with open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two inits at once must agree on one key
            key_made = not Settings.load(path).secret_key
            file.seek(0)
            text = file.read()
            here = dotenv_values(stream=StringIO(text), interpolate=False)
            added = {name: value for name, value in values.items() if here.get(name) != value}
            if key_made:
                added[KEY] = new_key()
            if not added:
                return False
            lines = "".join(f"{name}={_quoted(value)}\n" for name, value in added.items())
            os.fchmod(file.fileno(), 0o600)
            before = os.fstat(file.fileno()).st_size
            try:
                _append(file.fileno(), ("" if not text or text.endswith("\n") else "\n") + lines)
            except OSError:
                os.ftruncate(file.fileno(), before)  # half a key would pass for one
                raise
    except OSError as exc:
        raise ConfigError(
            f"cannot write the new {KEY} to {path}: {reason(exc)}",
            hint="Name a writable file with --env-file, or set the variable yourself; its value comes from "
            "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`.",
        ) from exc
    return key_made


def _append(descriptor: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)  # what the key encrypts is lost without it


def _quoted(value: str) -> str:
    """As dotenv reads it back."""
    if re.fullmatch(r"[\w./=-]+", value, re.ASCII):
        return value
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"
