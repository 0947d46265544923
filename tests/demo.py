"""`make demo`: sample posts through the real commands to the local sandbox, and a count of what arrived there.

Everything goes through the command line, as an operator would do it; the platforms' side is read from the sandbox.
The files (database, settings, one picture) are in .demo/ of the checkout, or in --directory. Exit 0 only if every
post is on the sandbox exactly once, and nothing else is.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import psycopg

from socialcron.store import embedded
from tests.media import jpeg, mp4

PROGRAM = Path(sys.executable).with_name("socialcron")
CHECKOUT = Path(__file__).resolve().parent.parent
PUNCTUAL_SECONDS = 6  # how far ahead the post is that shows --look-ahead

# What a command needs of our own environment. Nothing else gets in: no DATABASE_URL, no account of the real world.
INHERITED = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TERM", "TMPDIR", "NO_COLOR")

MASTODON, UNLUCKY, BLUESKY, X, STUB = "@ana@sandbox", "@ben@sandbox", "ana.sandbox.test", "ana", "diary"
# Further platforms, and what their accounts need beside credentials.
MORE: dict[str, dict[str, str]] = {
    "discord": {},
    "facebook": {},
    "instagram": {},
    "linkedin": {},
    "pinterest": {"board_id": "549755885175"},
    "supabase": {},
    "telegram": {"chat_id": "@ana"},
    "threads": {},
    "tiktok": {"privacy_level": "PUBLIC_TO_EVERYONE"},
    "youtube": {"privacy_status": "public"},
}
LONGEST_SECONDS = 90  # until platforms have decided


class Failed(Exception):
    """The demo cannot go on, or did not end as it should."""


@dataclass(slots=True, kw_only=True)
class Demo:
    """One run of it. `printed`: everything that post-due said."""

    directory: Path
    hours: int
    sandbox: subprocess.Popen[str] | None = None
    control: str = ""
    printed: list[str] = field(default_factory=list)

    def play(self) -> None:
        self.directory.mkdir(parents=True)
        (self.directory / ".env").write_text(
            f"SOCIALCRON_HOME='{self.directory}/home'\nSOCIALCRON_MEDIA_ROOT='{self.directory}'\nLOG_FORMAT=text\n"
            "SOCIALCRON_ALLOW_PRIVATE_MEDIA=true\n"  # the sandbox serves the media that platforms fetch themselves
        )
        (self.directory / "sunrise.png").write_bytes(sunrise(640, 360))
        (self.directory / "cat.jpg").write_bytes(jpeg(1080, 1080, noise=True))
        (self.directory / "film.mp4").write_bytes(mp4(2 * 2**20, width=720, height=1280, seconds=5.0))

        heading("A private PostgreSQL, its schema, a key for the credentials")
        self.run("init")
        heading("Stand-ins of the platforms on this machine: real HTTP, nothing leaves it")
        urls = self.start_sandbox()
        heading("Accounts: their credentials come from stdin and are stored encrypted")
        self.add_accounts(urls)
        heading("Posts")
        self.add_posts()
        heading("One run, as cron would start it")
        self.run("post-due", "--look-ahead", "30")
        self.explain_unconfirmed()
        heading("The next run")
        self.run("post-due")
        heading("Some platforms take a post and decide later: they are asked until they have")
        self.wait_for_decisions()
        heading("Hours later: what the posts gained, and a public profile that is watched")
        self.watch()
        heading("What people look at")
        self.run("status")
        self.run("metrics", "list", "--limit", "5")
        self.run("profiles", "show", "1")
        self.run("report", "--html", "report.html")
        heading("What the sandbox has")
        self.compare()

    def start_sandbox(self) -> dict[str, str]:
        serve = ("sandbox", "--port", "0", "--media", ".", "--json")
        echo(*serve, suffix=" &")
        self.sandbox = subprocess.Popen(
            [PROGRAM, *serve],
            cwd=self.directory,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the run that is under way; this is stopped after it
        )
        assert self.sandbox.stdout is not None
        line = self.sandbox.stdout.readline()
        if not line:
            raise Failed("the sandbox did not start")
        data = json.loads(line)["data"]
        self.control = data["control"]
        with (self.directory / ".env").open("a") as file:
            file.write(
                f"SOCIALCRON_MEDIA_URL={data['media']}\n"
                f"SOCIALCRON_SCRAPECREATORS_URL={data['base_url']}/scrapecreators\n"
                "SCRAPECREATORS_API_KEY=sandbox-key\n"
            )
        print("\n".join(f"{name:16}{url}" for name, url in data["platforms"].items()))
        return dict(data["platforms"])

    def add_accounts(self, urls: dict[str, str]) -> None:
        self.run("accounts", "add", "stub", "--handle", STUB)
        app = {"client_id": "sandbox-app", "client_secret": "sandbox-secret"}
        for platform, handle, credentials in (
            ("mastodon", MASTODON, {"access_token": "sandbox-ana"}),
            ("mastodon", UNLUCKY, {"access_token": "sandbox-ben"}),
            ("bluesky", BLUESKY, {"identifier": BLUESKY, "password": "sandbox-ana"}),
            ("x", X, {"access_token": "sandbox-ana", "token_secret": "sandbox-secret", **app}),
        ):
            base_url = f"base_url={urls[platform]}"
            self.run(
                *("accounts", "add", platform, "--handle", handle, "--set", base_url, "--credentials", "-"),
                stdin=json.dumps(credentials),
            )
        self.run("accounts", "test", "5")
        comment("accounts that somebody has in a table or a file already come in as JSON lines, all or none")
        made = [self.ask_sandbox("accounts", {"platform": name, "handle": "ana"}) for name in MORE]
        lines = [
            {
                "platform": account["platform"],
                "handle": "ana",
                "external_id": account["external_id"],
                "settings": {"base_url": account["base_url"], **MORE[account["platform"]]},
                "credentials": account["credentials"],
            }
            for account in made
        ]
        (self.directory / "accounts.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        self.run("accounts", "import", "accounts.jsonl")

    def add_posts(self) -> None:
        stub, mastodon, unlucky, bluesky, x = (
            ("--account", f"{platform}:{handle}")
            for platform, handle in (
                *(("stub", STUB), ("mastodon", MASTODON), ("mastodon", UNLUCKY)),
                *(("bluesky", BLUESKY), ("x", X)),
            )
        )
        comment("one text on four platforms")
        self.run("posts", "add", *stub, *mastodon, *bluesky, *x, "--text", "Good morning from cron!")
        comment("an image that says what is on it")
        picture = ("--media", "sunrise.png", "--alt", "A yellow sun over a dark blue sea")
        self.run("posts", "add", *mastodon, *bluesky, *x, "--text", "06:41", *picture)
        comment("a thread")
        parts = (
            "--text",
            "Three things about queues.",
            "--thread",
            "They are short.",
            "--thread",
            "Or long.",
        )
        self.run("posts", "add", *bluesky, *x, *parts)
        comment("a poll, with a first comment")
        poll = ("--poll", "Coffee", "--poll", "Tea", "--first-comment", "Asking for a friend.")
        self.run("posts", "add", *mastodon, "--text", "Breakfast?", *poll)
        comment(
            "a link card; pages inside our own network are never fetched, so this card shows the bare address"
        )
        self.run("posts", "add", *bluesky, "--text", "Read this.", "--link", "https://localhost/queues")
        comment("one whose answer gets lost: the sandbox will publish it, then hang up without a word")
        fault = {"kind": "accept_then_drop", "platform": "mastodon", "account": "ben", "visible_only": True}
        self.ask_sandbox("faults", fault | {"count": 1})
        self.run("posts", "add", *unlucky, "--text", "Did you get this?")
        comment("one content on ten more platforms: a picture, and a film where it takes one")
        everywhere = [word for name in MORE for word in ("--account", f"{name}:ana")]
        films = (
            "--for",
            "youtube.media=film.mp4",
            "--for",
            "youtube.title=Seen",
            "--for",
            "tiktok.media=film.mp4",
        )
        text = ("--text", "Seen this morning.", "--media", "cat.jpg", "--alt", "A noisy grey square")
        self.run("posts", "add", *everywhere, *text, *films)
        comment("one for a certain second")
        self.run("posts", "add", *x, "--text", "On the second.", "--at", f"+{PUNCTUAL_SECONDS}s")

    def explain_unconfirmed(self) -> None:
        unconfirmed = self.ask("posts", "list", "--status", "unconfirmed")["posts"]
        lost = [post for post in unconfirmed if post["last_error"] and "no answer" in post["last_error"]]
        if len(lost) != 1:
            raise Failed(f"{len(lost)} posts are unconfirmed, and the sandbox lost one answer")
        self.run("posts", "explain", str(lost[0]["id"]))

    def wait_for_decisions(self) -> None:
        """Run post-due as cron would, only more often. Raises Failed if platforms take too long."""
        give_up_at = time.monotonic() + LONGEST_SECONDS
        while waiting := [
            post
            for status in ("unconfirmed", "scheduled")
            for post in self.ask("posts", "list", "--status", status)["posts"]
        ]:
            if time.monotonic() > give_up_at:
                raise Failed(f"{len(waiting)} posts are still waiting")
            self.run("posts", "explain", str(waiting[0]["id"]))
            time.sleep(10)
            self.run("post-due")

    def watch(self) -> None:
        """Readings of several hours. Nobody wants to wait: the rows are moved back, the sandbox's clock ahead."""
        self.ask_sandbox(
            "accounts", {"platform": "scrapecreators", "handle": "ana", "on": "tiktok", "posts": 30}
        )
        self.run("profiles", "add", "tiktok", "ana", "--interval", "1h")
        for _ in range(self.hours):
            self.let_time_pass()
            self.run("collect-metrics")
            self.run("trigger-monitoring")

    def let_time_pass(self) -> None:
        """An hour and a minute: slots are whole hours apart, and no moved row may meet another."""
        comment("an hour later")
        step = "interval '61 minutes'"
        back = ("metric_schedules", "posted_at", "next_at"), ("post_metrics", "slot_at", "read_at")
        more = (
            ("profile_post_metrics", "read_at"),
            ("profiles", "last_run_at", "next_run_at"),
            ("monitoring_runs", "created_at", "started_at", "finished_at"),
            ("rate_limits", "tat"),
            ("accounts", "refreshed_at", "token_expires_at", "refresh_expires_at"),
        )
        with psycopg.connect(self.database_url(), autocommit=True) as connection:
            for parent in ("post_metrics", "profile_post_metrics"):
                ensure = "SELECT socialcron.ensure_partitions(%s, now() - interval '1 day', now())"
                connection.execute(ensure, (parent,))
            for table, *columns in (*back, *more):
                moved = ", ".join(f"{column} = {column} - {step}" for column in columns)
                connection.execute(f"UPDATE socialcron.{table} SET {moved}".encode())
        self.ask_sandbox("advance", {"seconds": 3660})

    def database_url(self) -> str:
        """Of the demo's own PostgreSQL."""
        return embedded.url(self.directory / "home")

    def compare(self) -> None:
        """Print what the sandbox has of each post. Raises Failed unless it is everything, once."""
        places = {
            name: [post for post in place["posts"] if not post["deleted"]]
            for name, place in self.ask_sandbox("state")["platforms"].items()
        }
        posts = [
            self.ask("posts", "show", str(post["id"])) for post in self.ask("posts", "list")["posts"][::-1]
        ]
        wrong, rows = 0, [("post", "account", "what", "status", "sandbox", "after due")]
        for post in posts:
            steps = 1 + len(post["thread"]) + bool(post["first_comment"])
            ids = [attempt["remote_id"] for attempt in post["attempts"] if attempt["phase"] == "confirmed"]
            if post["platform"] == "stub":
                there = sum(f"remote_id={remote_id}" in line for line in self.printed for remote_id in ids)
                published = post["posted_at"]
            else:
                found = [
                    place for place in places[post["platform"]] if {place["id"], place["key"]} & set(ids)
                ]
                there, published = len(found), min((place["created_at"] for place in found), default=None)
            wrong += post["status"] != "posted" or not len(ids) == there == steps
            rows.append(
                (
                    str(post["id"]),
                    f"{post['platform']} {post['handle']}",
                    post["text"],
                    post["status"],
                    f"{there} of {steps}" + (" (a log line)" if post["platform"] == "stub" else ""),
                    "-" if published is None else f"{moment(published) - moment(post['due_at']):.2f} s",
                )
            )
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        strangers = sum(map(len, places.values())) - sum(
            attempt["phase"] == "confirmed" and post["platform"] != "stub"
            for post in posts
            for attempt in post["attempts"]
        )
        if wrong or strangers or not posts:
            raise Failed(
                f"{wrong} of {len(posts)} posts are not there exactly once; {strangers} things too many"
            )
        print(
            f"\n{len(posts)} posts, each confirmed on the sandbox's side exactly once; nothing else is there."
        )

    # --- one command -------------------------------------------------------------------------------------------------

    def run(self, *arguments: str, stdin: str | None = None) -> None:
        """Run `socialcron ARGUMENTS` for the reader to see. Raises Failed unless it ends with 0."""
        echo(*arguments, prefix=f"echo {shlex.quote(stdin)} | " if stdin else "")
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.directory,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(stdin or "")
            process.stdin.close()
            for line in process.stdout:
                self.printed.append(line)
                print(line, end="", flush=True)
        finally:
            if process.poll() is None and sys.exc_info()[0]:
                process.terminate()  # a run settles what it is sending before it ends
            process.wait()
        if process.returncode:
            raise Failed(f"`socialcron {shlex.join(arguments)}` ended with {process.returncode}")

    def ask(self, *arguments: str) -> Any:
        """`data` of a command's JSON document, without the reader seeing it."""
        done = subprocess.run(
            [PROGRAM, *arguments, "--json"],
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Failed(f"`socialcron {shlex.join(arguments)}`: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)["data"]

    def ask_sandbox(self, name: str, document: dict[str, Any] | None = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.control}/{name}", data=body)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self) -> None:
        """Stop the sandbox and the database; the files stay."""
        if self.sandbox is not None:
            self.sandbox.terminate()
            self.sandbox.wait()
        stop_database(self.directory)


def environment() -> dict[str, str]:
    kept = {name: value for name in INHERITED if (value := os.environ.get(name)) is not None}
    return kept | {"COLUMNS": str(max(100, shutil.get_terminal_size().columns))}


def stop_database(directory: Path) -> None:
    if (directory / ".env").is_file():
        subprocess.run([PROGRAM, "db", "stop"], cwd=directory, env=environment(), capture_output=True)


def remove(directory: Path) -> None:
    """Forget an earlier run. As root, the database may lie elsewhere, behind a symbolic link."""
    stop_database(directory)
    for path in ((directory / "home" / "postgres").resolve(), directory):
        shutil.rmtree(path, ignore_errors=True)


def moment(value: str | float) -> float:
    """Seconds since 1970 of a time in a JSON document: ISO 8601, or that number already."""
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value


def heading(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def comment(text: str) -> None:
    print(f"# {text}", flush=True)


def echo(*arguments: str, prefix: str = "", suffix: str = "") -> None:
    print(f"$ {prefix}socialcron {shlex.join(arguments)}{suffix}", flush=True)


def sunrise(width: int, height: int) -> bytes:
    """A picture as PNG: 8-bit RGB, one unfiltered row after the other (https://www.w3.org/TR/png-3/)."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            distance = ((x - width / 2) ** 2 + (y - height * 0.6) ** 2) ** 0.5 / height
            glow = max(0.0, 1 - distance) if y < height * 0.6 else 0.1 + 0.2 * (y % 7 == 0)
            sun = distance < 0.15 and y < height * 0.6
            rows += bytes((255, 220, 90) if sun else (int(40 + 215 * glow), int(40 + 110 * glow), 110))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    image = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image


def interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", type=Path, default=CHECKOUT / ".demo", help="where its files go")
    parser.add_argument("--clean", action="store_true", help="only remove what an earlier run left")
    parser.add_argument("--hours", type=int, default=4, help="of readings")
    options = parser.parse_args(arguments)
    directory = options.directory.absolute()
    if not PROGRAM.exists():
        print(f"socialcron is not installed beside {sys.executable}: run `make demo`.", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    remove(directory)
    if options.clean:
        return 0
    demo, started = Demo(directory=directory, hours=options.hours), time.monotonic()
    try:
        demo.play()
    except Failed as exc:
        print(f"\nThe demo failed: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was stopped.", file=sys.stderr)
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # make passes them on, too, and stopping takes a second
        demo.stop()
    print(
        f"{time.monotonic() - started:.0f} s. Sandbox and PostgreSQL are stopped; their files are in {directory}.\n"
        f"\nGo on:\n"
        f"  cd {shlex.quote(str(directory))}\n"
        f"  {shlex.quote(str(PROGRAM))} posts show 10   # any command; the database starts by itself\n"
        f"and open report.html there in a browser.\n"
        f'\nA real account: README.md, "Five minutes to a real account".'
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
