"""README's "Five minutes to a real account", command by command: from an empty folder to cron publishing.

The sandbox stands in for the servers, a pipe for the browser, and cron's own way to start a line for cron (test_cron.py
has the daemon). Virtual environment and pip are left out: `make` does the same. What `init` asks on a terminal is in
tests/integration/test_init.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

import pytest

from socialcron.sandbox.server import Sandbox
from tests.integration.test_embedded import remove
from tests.integration.test_init import CRONTAB
from tests.media import jpeg

README = Path(__file__).resolve().parents[2] / "README.md"
BIN = Path(sys.executable).parent


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "crontab"
    program.write_text(CRONTAB.replace("{file}", str(tmp_path / "crontab")))
    program.chmod(0o755)
    yield tmp_path
    remove(tmp_path / ".local/share/socialcron")


def test_readme__leads_from_an_empty_folder_to_cron_publishing(home: Path, sandbox: Sandbox) -> None:
    def run(command: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=home / "posts" if (home / "posts").exists() else home,
            env={"HOME": str(home), "PATH": f"{home / 'bin'}:{BIN}:/usr/bin:/bin", "TMPDIR": "/tmp"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    commands = readme_commands()
    assert commands[1:3] == [
        "python3 -m venv .venv && . .venv/bin/activate",
        'pip install -c ~/src/socialcron/constraints.txt "$HOME/src/socialcron[embedded]"',
    ]
    for command in [commands[0], *commands[3:]]:
        match command.split()[:3]:
            case ["socialcron", "init", *_]:
                run(f"{command} --install-crontab")
                (home / "posts" / "sun.jpg").write_bytes(jpeg(640, 360))
            case ["socialcron", "accounts", "connect"]:
                agree(command.replace("https://mastodon.social", sandbox.url("mastodon")), home)
            case ["(umask", "077;", "cat"]:
                run(command, json.dumps({"identifier": "me.sandbox.test", "password": "sandbox-me"}))
            case ["socialcron", "accounts", "add"]:
                server = f"add bluesky --set base_url={sandbox.url('bluesky')}"
                run(command.replace("me.bsky.social", "me.sandbox.test").replace("add bluesky", server))
            case _:
                run(command)
    run("socialcron posts reschedule 1 --at now")  # instead of two minutes' wait

    (line,) = [line for line in (home / "crontab").read_text().splitlines() if " post-due " in line]
    job = line.removeprefix("* * * * * ")
    mailed = subprocess.run(
        ["/bin/sh", "-c", job],
        cwd="/",
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (mailed.returncode, mailed.stdout, mailed.stderr) == (0, "", "")
    log = (home / "posts" / "socialcron.log").read_text()
    on_mastodon = sorted(post["text"] for post in sandbox.posts("mastodon"))
    assert on_mastodon == ["Hello from cron!", "Hello, both of you!"], log
    assert [post["text"] for post in sandbox.posts("bluesky")] == ["Hello, both of you!"], log
    assert "3 claimed: 3 posted" in log


def readme_commands() -> list[str]:
    """The lines of the section's shell blocks, without their comments."""
    section = README.read_text().partition("## Five minutes to a real account\n")[2].partition("\n## ")[0]
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
    return [re.sub(r"\s+# .*", "", line) for line in blocks.replace("\\\n", "").splitlines()]


def agree(command: str, home: Path) -> None:
    """Run `accounts connect` where no browser opens: go to the printed address, agree, paste where that leads."""

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    with subprocess.Popen(
        ["bash", "-c", f"exec {command} --no-browser"],
        cwd=home / "posts",
        env={"HOME": str(home), "PATH": f"{BIN}:/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as asking:
        assert asking.stdin
        assert asking.stdout
        said = ""
        while not (found := re.search(r"http://\S+/oauth/authorize\S+", said)):
            line = asking.stdout.readline()
            assert line, said
            said += line
        with pytest.raises(HTTPError) as moved:
            build_opener(ProxyHandler({}), Stay).open(found[0], timeout=10)
        asking.stdin.write(f"{moved.value.headers['Location']}\n")
        asking.stdin.close()
        said += asking.stdout.read()
    assert asking.returncode == 0, said
