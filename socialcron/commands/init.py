"""`socialcron init`: make what is missing."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, single_app
from socialcron.errors import ConfigError, reason
from socialcron.settings import Settings

app = single_app()

KEY = "SOCIALCRON_SECRET_KEY"


@app.command(epilog=example("socialcron init", "DATABASE_URL=postgresql://me@db.example/app socialcron init"))
def init(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Make what is missing: the database, the key for credentials, the schema.

    With DATABASE_URL (in the environment or .env) that database is used; without, a private PostgreSQL is made under
    SOCIALCRON_HOME. The key is added to .env. What exists already is kept, so this may be run again at any time.
    """
    path = env_file or Path(".env")
    key_made = ensure_key(path)
    with command_context("init", json=json, env_file=env_file, check_schema=False) as ctx:
        from socialcron.store import embedded
        from socialcron.store.migrate import migrate

        given = ctx.settings.database_url is not None
        database_made = not given and embedded.create(ctx.settings.home)
        applied = [migration.name for migration in migrate(ctx.database)]

        place = "DATABASE_URL" if given else f"embedded, in {ctx.settings.home}"
        crontab = crontab_lines(env_file)
        lines = [
            f"database  {place}" + (" (made)" if database_made else ""),
            f"key       {KEY}" + (f" (made, in {path})" if key_made else " (kept)"),
            f"schema    {'migrated: ' + ', '.join(applied) if applied else 'up to date'}",
            "",
            "Next: connect an account with `socialcron accounts connect`, write a post with `socialcron posts add`,",
            "and let cron publish it:",
            *(f"  {line}" for line in crontab),
        ]
        if given and os.environ.get("DATABASE_URL"):
            lines.append(
                f"DATABASE_URL is known to this shell only: put it into {path}, where cron finds it."
            )
        if key_made:
            lines.insert(3, f"Keep a copy of {path}: without the key nobody can read the stored credentials.")
        ctx.emit(
            {
                "database": "given" if given else "embedded",
                "database_made": database_made,
                "home": None if given else ctx.settings.home,
                "key_made": key_made,
                "env_file": path.absolute() if key_made else None,
                "applied": applied,
                "crontab": crontab,
            },
            text="\n".join(lines),
        )


def ensure_key(path: Path) -> bool:
    """Add a fresh key to `path`, made with mode 0600 if needed; False if there is a key already. Raises ConfigError."""
    if (path.is_file() and Settings.load(path).secret_key) or Settings.load().secret_key:
        return False
    import fcntl

    from socialcron.store.secrets import new_key

    try:
        with open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two inits at once must agree on one key
            if Settings.load(path).secret_key:
                return False
            file.seek(0)
            text = file.read()
            file.write(("" if not text or text.endswith("\n") else "\n") + f"{KEY}={new_key()}\n")
            os.fchmod(file.fileno(), 0o600)
    except OSError as exc:
        raise ConfigError(
            f"cannot write the new {KEY} to {path}: {reason(exc)}",
            hint="Name a writable file with --env-file, or set the variable yourself; its value comes from "
            "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`.",
        ) from exc
    return True


def crontab_lines(env_file: Path | None) -> list[str]:
    """Two lines that work from cron's bare environment, in this directory."""
    program = Path(sys.argv[0]).absolute()
    command = shlex.quote(str(program)) if program.name == "socialcron" else "socialcron"
    home = os.environ.get("SOCIALCRON_HOME")  # known to this shell; cron has another environment
    known = f"SOCIALCRON_HOME={shlex.quote(str(Path(home).expanduser().absolute()))} " if home else ""
    place = f"cd {shlex.quote(str(Path.cwd()))} && {known}{command}"
    option = f" --env-file {shlex.quote(str(env_file))}" if env_file else ""
    return [f"* * * * * {place} post-due{option}", f"*/5 * * * * {place} reset-stuck{option}"]
