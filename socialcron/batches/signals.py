"""SIGTERM and SIGINT as a wish to end, which a run obeys when nothing that it has begun would be lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Signals:
    """SIGTERM and SIGINT ask the run to end; one that comes before there is anything to stop is remembered."""

    def __init__(self) -> None:
        self.received = False
        self._stop: Callable[[], None] | None = None

    def call(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self.received:
            stop()

    def handle(self, *_: Any) -> None:
        self.received = True
        if self._stop is not None:
            self._stop()


@contextmanager
def watched_signals() -> Iterator[Signals]:
    signals = Signals()
    numbers = (signal.SIGTERM, signal.SIGINT)
    try:
        before = [signal.signal(number, signals.handle) for number in numbers]
    except ValueError:  # not the main thread: somebody else's process, somebody else's signals
        yield signals
        return
    try:
        yield signals
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
