"""Files that commands write for people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from socialcron.errors import UsageError, reason


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """A text file that takes its name once it is complete; whatever had the name stays until then.

    Raises UsageError where it cannot be written. Line breaks are written as given.
    """
    # A device or a pipe, as in /dev/stdout, cannot be replaced.
    part = (
        path.with_name(f".{path.name}.{os.getpid()}")
        if os.path.isfile(path) or not os.path.exists(path)
        else path
    )
    try:
        with part.open("w", encoding="utf-8", newline="") as target:
            yield target
        if part != path:
            part.replace(path)
    except OSError as exc:
        raise UsageError(
            f"cannot write {path}: {reason(exc)}", hint="Name a file in a directory you may write to."
        ) from exc
    finally:
        if part != path:
            with suppress(OSError):  # a name too long for any file, too
                part.unlink()
