"""crontab.example, run as cron runs it: by /bin/sh, in an environment of four variables and those of the file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.world import World

CRONTAB = Path(__file__).resolve().parents[2] / "crontab.example"


def test_crontab__runs_from_a_bare_environment_and_says_nothing(
    world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    post_id = world.post(world.account("stub"))

    assert {line: run(line, environment, tmp_path) for line in lines()} == dict.fromkeys(lines(), (0, ""))
    assert world.row(post_id)["status"] == "posted"
    assert "post_published" in (tmp_path / "log").read_text()


def test_crontab__mails_the_end_of_the_log_when_a_run_fails(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nowhere"

    for line in lines():
        _, mail = run(line, environment, tmp_path)
        assert "Error: " in mail
        assert "Hint: " in mail


def lines() -> list[str]:
    """The commands, without their times: every line that is neither empty nor a comment nor an assignment."""
    jobs = re.findall(r"^(?![#\n]|[A-Z_]+=).+$", CRONTAB.read_text(), re.MULTILINE)
    assert jobs
    found = [re.fullmatch(r"(?:[*\d/,-]+\s+){5}(.+)", job) for job in jobs]
    assert all(found), "a line that is no job"
    return [match[1] for match in found if match]


def run(line: str, settings: dict[str, str], directory: Path) -> tuple[int, str]:
    """Exit code and what would be mailed."""
    (directory / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
    variables = dict(re.findall(r"^([A-Z_]+)=(.*)$", CRONTAB.read_text(), re.MULTILINE))
    assert set(variables) == {"PATH", "SOCIALCRON_DIR", "SOCIALCRON_LOG"}
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd="/",
        env={
            "HOME": str(directory),
            "LOGNAME": "nobody",
            "SHELL": "/bin/sh",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "SOCIALCRON_DIR": str(directory),
            "SOCIALCRON_LOG": str(directory / "log"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_crontab__holds_no_percent_sign() -> None:
    """cron turns it into a newline."""
    assert not any("%" in line for line in lines())
