"""`socialcron db migrate | check | stop`."""

from __future__ import annotations

from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, group_app
from socialcron.errors import SchemaError
from socialcron.store.sqlfiles import Migration, newest_migration

app = group_app("Migrate and check the schema; stop the embedded database.", "socialcron db check")


def described(migrations: list[Migration]) -> list[str]:
    return [f"{m.number:04}_{m.name}" for m in migrations]


@app.command("migrate", epilog=example("socialcron db migrate"))
def migrate_command(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Bring the schema up to date. Safe while other hosts run, and when several hosts do it at once."""
    with command_context("db migrate", json=json, env_file=env_file, check_schema=False) as ctx:
        from socialcron.store.migrate import migrate

        applied = described(migrate(ctx.database))
        ctx.emit(
            {"applied": applied, "migration": newest_migration()},
            text=f"applied {', '.join(applied)}" if applied else "the schema is up to date",
        )


@app.command("check", epilog=example("socialcron db check --json"))
def check_command(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Compare the database with this socialcron; exit 78 if it may not run on it."""
    with command_context("db check", json=json, env_file=env_file, check_schema=False) as ctx:
        from socialcron.store.migrate import find_missing_tables, read_state

        state = read_state(ctx.database)
        if problem := state.problem():
            raise problem
        if missing := find_missing_tables(ctx.database):
            raise SchemaError(
                f"the schema is incomplete: no table {', '.join(missing)}",
                hint="Somebody dropped or renamed what a migration made: undo that, or restore a backup.",
            )
        ctx.emit(
            {"migration": newest_migration(), "oldest_code": state.oldest_code, "newer": state.newer},
            text=f"the schema is up to date (migration {newest_migration()})"
            + (f"; a later release added {state.newer}, which this one may run with" if state.newer else ""),
        )


@app.command("stop", epilog=example("socialcron db stop"))
def stop_command(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Stop the embedded database. The next command that needs it starts it again."""
    with command_context("db stop", json=json, env_file=env_file) as ctx:
        from socialcron.store import embedded

        stopped = embedded.stop(ctx.settings.home)
        ctx.emit({"stopped": stopped}, text="stopped" if stopped else "no embedded database was running")
