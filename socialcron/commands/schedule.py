"""The cron jobs and when each runs: lines for a crontab, put there on request.

`crontab.example` and everything in `deploy/` keep the same schedule; a test compares them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from socialcron.errors import ServiceUnavailable, reason

LOG = "socialcron.log"

# The schedule and the words after `socialcron`. The look-ahead of post-due is its period.
JOBS: tuple[tuple[str, str], ...] = (
    ("* * * * *", "post-due --look-ahead 60"),
    ("*/5 * * * *", "reset-stuck"),
    ("7 * * * *", "reset-ratelimits"),
    ("*/15 * * * *", "collect-metrics"),
    ("*/10 * * * *", "trigger-monitoring"),
    ("25 * * * *", "cache-media"),
    ("20 4 * * *", "accounts refresh --strict"),
    ("40 3 * * *", "maintain"),
)


def lines(env_file: Path | None) -> list[str]:
    """One line per job that works from cron's bare environment, in this directory; only failed runs are mailed."""
    program = Path(sys.argv[0]).absolute()
    command = shlex.quote(str(program)) if program.name == "socialcron" else "socialcron"
    option = f" --env-file {shlex.quote(str(env_file))}" if env_file else ""
    place = f"cd {shlex.quote(str(Path.cwd()))} &&"
    # cron takes a bare percent sign for the end of the line.
    return [
        f"{when} {place} {command} {words}{option} >>{LOG} 2>&1 || tail -n 20 {LOG}".replace("%", r"\%")
        for when, words in JOBS
    ]


def install(jobs: list[str], *, name: str) -> bool:
    """Put `jobs` into this user's crontab, in the place of those an earlier call put there; False if they are there.

    They stand between two comments with `name`, which is where they run; every other line stays as it is. Raises
    ServiceUnavailable where there is no crontab program, or where it says no.
    """
    begin, end = (f"# socialcron in {name}: {word}" for word in ("begin", "end"))
    block = "\n".join([begin, *jobs, end]) + "\n"
    found = _crontab("-l")
    if found.returncode and "no crontab for" not in found.stderr:
        raise _refused(found.stderr)
    before = found.stdout if not found.returncode else ""
    if set(jobs) <= set(before.splitlines()):
        return False
    marked = re.compile(rf"^{re.escape(begin)}\n.*?^{re.escape(end)}\n?", re.MULTILINE | re.DOTALL)
    kept = before if not before or before.endswith("\n") else before + "\n"
    after = marked.sub(lambda _: block, kept, count=1) if marked.search(kept) else kept + block
    done = _crontab("-", given=after)
    if done.returncode:
        raise _refused(done.stderr)
    return True


def _crontab(argument: str, *, given: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["crontab", argument],
            input=given,
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},  # its words decide
        )
    except OSError as exc:
        raise _refused(reason(exc)) from exc


def _refused(said: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"crontab: {' '.join(said.split()) or 'failed'}",
        hint="Everything else is made. Install Debian's package `cron`, or have another scheduler run these commands; "
        "`socialcron init` prints the lines.",
    )
