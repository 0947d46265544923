"""crontab.example under Debian's cron: the real daemon, the real commands, and the sandbox's record of what came when.

The one test that waits: about two minutes, because cron knows nothing shorter than a minute.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import require_program, skip
from tests.world import World

CRONTAB = Path(__file__).resolve().parents[2] / "crontab.example"

# Seconds after a tick at which posts are due: soon, late, around the next tick, and beyond it. From 60.3 on, which is
# as far as the first run sees, the second has them: a post that is due while it starts waits for that, 0.4 s on an
# idle machine, 6 s on two cores with a load of 15.
DUE = (9.0, 17.3, 31.0, 45.5, 57.0, 59.2, 59.9, 60.0, 60.1, 68.0, 70.7)


def test_cron__sends_each_post_at_its_second_and_once(
    world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    accounts = [world.account("mastodon", handle) for handle in ("ana", "ben", "cem")]
    (tmp_path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in environment.items()))
    here = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "SOCIALCRON_DIR": tmp_path,
        "SOCIALCRON_LOG": tmp_path / "log",
    }
    text = CRONTAB.read_text()
    for name, value in here.items():
        text, changed = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert changed == 1

    with cron(text):
        tick = (time.time() + 2) // 60 * 60 + 60  # one that cron cannot miss any more
        due = {f"{second} s after the tick": tick + second for second in DUE}
        for number, (words, moment) in enumerate(due.items()):
            at = datetime.fromtimestamp(moment, UTC).isoformat()
            world.post(accounts[number % 3], words, due=f"'{at}'")
        log = tmp_path / "log"
        while time.time() < tick + max(DUE) + 10 and published(log) < len(DUE):
            time.sleep(0.5)
        came = [(post["text"], post["created_at"]) for post in world.sandbox.posts("mastodon")]

    said = log.read_text()
    assert sorted(words for words, _ in came) == sorted(due), said
    late = {words: moment - due[words] for words, moment in came}
    assert {words: seconds for words, seconds in late.items() if not 0 <= seconds <= 1} == {}, said
    assert "Error" not in said
    assert published(log) == len(DUE)


def published(log: Path) -> int:
    return log.read_text().count("post_published") if log.exists() else 0


@contextmanager
def cron(crontab: str) -> Iterator[None]:
    """Debian's cron with root's crontab, which must be free; both are as before afterwards."""
    program = require_program("cron")
    if os.geteuid() != 0:
        skip("only root may start cron")
    found = subprocess.run(["crontab", "-l"], capture_output=True, text=True)
    if found.returncode == 0 and "/pytest-" not in found.stdout:  # that would be of a test that was killed
        skip("root has a crontab already")
    daemon = subprocess.Popen([program, "-f"])
    try:
        # One that runs already holds the lock: ours ends at once, and that one does it.
        subprocess.run(["crontab", "-"], input=crontab, text=True, check=True)
        yield
    finally:
        subprocess.run(["crontab", "-r"], check=True)
        daemon.terminate()
        daemon.wait()
