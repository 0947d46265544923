"""What a process exit status means to cron, Kubernetes and scripts (sysexits.h numbers where one fits)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0  # the run did its work; a post refused by a platform is data, not a failed run
    ITEM_FAILED = 1  # with --strict: some item failed; doctor: some check failed
    USAGE = 2  # usage, unknown id or name
    BAD_INPUT = 65  # bad input data: nothing of it was applied
    UNAVAILABLE = 69  # database or other needed service not reachable, or read-only
    BUG = 70  # a bug in socialcron
    INTERRUPTED = 75  # stopped early by a signal: run again
    CONFIG = 78  # configuration wrong or missing; schema missing, half-migrated, too old or too new
