"""`accounts test`: ask the platform who the stored credentials belong to."""

from __future__ import annotations

import time
from uuid import uuid4

from socialcron.batches.connection import Postponed
from socialcron.batches.desk import Desk
from socialcron.batches.runner import Call, Until
from socialcron.errors import AuthExpired, PlatformError, Unavailable
from socialcron.model import Identity
from socialcron.platforms import registry
from socialcron.platforms.http import now_seconds
from socialcron.settings import Settings
from socialcron.store.engine import Database
from socialcron.store.tokens import AccountRow


def identify_account(db: Database, settings: Settings, row: AccountRow) -> Identity:
    """Who it is. Refreshes the token if needed, as a run would, and stores the new one before it is used.

    Raises PlatformError (a refused token asks for a reconnect from now on), ConfigError for an unfit key,
    UsageError for a platform that is none (the row was edited by hand).
    """
    registry.check(row.platform)
    desk = Desk(db, settings, uuid4(), held_accounts=[])
    try:
        desk.connect({row.id: row})
        if desk.key_error:
            raise desk.key_error
        connection = desk.connections[row.id]
        work = connection.call(connection.adapter.identify)
        try:
            request = next(work)
            while True:
                match request:
                    case Call(function):
                        try:
                            answer = function()
                        except PlatformError as exc:
                            request = work.throw(exc)
                        else:
                            request = work.send(answer)
                    case Until(moment):
                        time.sleep(max(moment - now_seconds(), 0.0))
                        request = work.send(None)
                    case _:
                        raise AssertionError("identifying sends nothing")
        except StopIteration as end:
            found: Identity = end.value
            return found
        except AuthExpired as exc:
            connection.disconnect(exc)
            raise
        except Postponed as exc:
            raise Unavailable(f"{connection.account}: {exc.reason}", hint="Try again in a minute.") from exc
    finally:
        desk.close()
