"""Every command with arguments that make it work on the `busy` world; a test says that none is missing."""

from __future__ import annotations

import json
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from socialcron.platforms.webhooks import new_secret
from socialcron.store.secrets import KeyRing
from tests.world import World

# The command -> its arguments. {account}, {post}, ... are ids of the world; {folder} is the test's.
EVERY: dict[str, list[str]] = {
    "post-due": ["--look-ahead", "0"],
    "collect-metrics": [],
    "trigger-monitoring": [],
    "cache-media": [],
    "reset-stuck": [],
    "reset-ratelimits": ["--all"],
    "maintain": [],
    "status": [],
    "doctor": [],
    "db check": [],
    "keys list": [],
    "keys rotate": [],
    "accounts add": [
        "mastodon",
        "--handle",
        "more",
        "--set",
        "base_url={base_url}",
        "--credentials",
        "{credentials}",
    ],
    "accounts reconnect": ["{account}", "--credentials", "{credentials}"],
    "accounts import": ["{accounts_file}"],
    "accounts refresh": ["--all"],
    "accounts list": [],
    "accounts show": ["{account}"],
    "accounts set": ["{account}", "resize_images=true"],
    "accounts slots": ["{account}", "--set", "mon-fri 09:00", "--tz", "Europe/Paris"],
    "accounts disable": ["{spare}"],
    "accounts enable": ["{spare}"],
    "accounts remove": ["{spare}", "--yes"],
    "accounts test": ["{account}"],
    "posts add": ["--account", "{account}", "--text", "more"],
    "posts import": ["{posts_file}"],
    "posts list": [],
    "posts show": ["{post}"],
    "posts explain": ["{later}"],
    "posts hold": ["{later}"],
    "posts release": ["{later}"],
    "posts edit": ["{later}", "--text", "changed"],
    "posts reschedule": ["{later}", "--at", "+3d"],
    "posts cancel": ["{later}"],
    "posts retry": ["{later}"],
    "posts approve": ["{draft}"],
    "posts resolve": ["{unknown}", "--failed"],
    "posts validate": [],
    "recurrences list": ["--all"],
    "recurrences show": ["{recurrence}"],
    "recurrences pause": ["{recurrence}"],
    "recurrences resume": ["{recurrence}"],
    "recurrences end": ["{recurrence}"],
    "subscriptions add": [
        "more",
        "--webhook",
        "{webhook}",
        "--secret-file",
        "{webhook_secret}",
        "--event",
        "failed",
    ],
    "subscriptions list": [],
    "subscriptions show": ["shop"],
    "subscriptions test": ["shop"],
    "subscriptions deliver": [],
    "subscriptions disable": ["shop"],
    "subscriptions enable": ["shop"],
    "subscriptions retry": ["shop"],
    "subscriptions remove": ["shop"],
    "metrics show": ["{post}"],
    "metrics list": [],
    "profiles add": ["tiktok", "ben"],
    "profiles list": [],
    "profiles show": ["{profile}"],
    "profiles history": ["{profile}"],
    "profiles monitor": ["off", "{profile}"],
    "profiles trigger": ["{profile}"],
    "profiles remove": ["{spare_profile}"],
    "report": ["--html", "{folder}/page.html"],
    "export posts": ["--output", "{folder}/posts.csv"],
    "export metrics": ["--output", "{folder}/metrics.csv"],
    "export profiles": ["--output", "{folder}/profiles.jsonl", "--format", "jsonl"],
    "completion": ["bash"],
    "platforms list": [],
    "platforms show": ["x"],
}

# Not among them, and why.
ELSEWHERE = {
    "init": "makes the database: the owner's command",
    "db migrate": "changes the schema: the owner's command",
    "db stop": "stops the embedded database",
    "accounts connect": "waits for a person in a browser; tests/integration/test_accounts_connect.py",
    "sandbox": "serves until it is stopped, and has no database",
}

# Besides 0: a check of `doctor` may fail for what is no fault of the command.
ALSO_FINE = {"doctor": 1}

CRON_JOBS = tuple(EVERY)[:7]


def words(command: str, ids: dict[str, Any]) -> list[str]:
    return [*command.split(), *(word.format_map(ids) for word in EVERY[command])]


class _Receiver(BaseHTTPRequestHandler):
    """Takes every webhook."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@cache
def receiver() -> str:
    """Address of a server that takes webhooks until this process ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def make_busy(world: World, folder: Path) -> dict[str, Any]:
    """Accounts, posts in every state, a profile with history; what the arguments above name."""
    account, spare = world.account("mastodon"), world.account("stub", "spare")
    x = world.account("x", auth="oauth2")
    ids: dict[str, Any] = {"account": account, "spare": spare, "x": x, "folder": folder}
    ids["post"] = world.post(account, "out")
    world.run(
        "UPDATE socialcron.posts SET status = 'posted', posted_at = now(), remote_id = '1' WHERE id = %s",
        ids["post"],
    )
    ids["later"] = world.post(account, "later", due="now() + interval '1 day'")
    ids["draft"] = world.post(account, "draft", due="now() + interval '1 day'", draft=True)
    ids["unknown"] = world.post(account, "unknown")
    world.run(
        "INSERT INTO socialcron.publish_attempts (post_id, account_id, attempt, step, revision, phase, idempotency_key,"
        " first_sending_at, sending_at) VALUES (%s, %s, 1, 0, 1, 'unknown', 'k', now(), now())",
        ids["unknown"],
        account,
    )
    world.run("UPDATE socialcron.posts SET status = 'unconfirmed' WHERE id = %s", ids["unknown"])
    world.post(account, "due"), world.post(x, "due"), world.post(spare, "due")
    world.run("SELECT socialcron.ensure_partitions('post_metrics', now())")
    world.run("SELECT socialcron.ensure_partitions('profile_post_metrics', now())")
    world.run(
        "INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at, views)"
        " VALUES (%s, %s, now(), now(), 1)",
        ids["post"],
        account,
    )
    profile = "INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', %s) RETURNING id"
    ids["profile"], ids["spare_profile"] = world.value(profile, "ana"), world.value(profile, "spare")
    world.run(
        "INSERT INTO socialcron.profile_posts (profile_id, remote_id, first_seen_at, last_seen_at)"
        " VALUES (%s, '9', now(), now())",
        ids["profile"],
    )
    ids["recurrence"] = world.value(
        "INSERT INTO socialcron.recurrences (content_id, account_id, rrule, starts_at, zone)"
        " SELECT content_id, account_id, 'FREQ=WEEKLY', now() AT TIME ZONE 'UTC' + interval '1 day', 'UTC'"
        " FROM socialcron.posts WHERE id = %s"
        " RETURNING id",
        ids["later"],
    )
    ids["webhook"], ids["webhook_secret"] = f"{receiver()}/hook?key=pLaNtEd-in-an-address", folder / "whsec"
    ids["webhook_secret"].write_text(secret := new_secret())
    world.run(
        "INSERT INTO socialcron.subscriptions (name, channel, address, events) VALUES ('shop', 'webhook', %s, %s)",
        KeyRing(world.settings.secret_key).encrypt({"url": ids["webhook"], "secret": secret}),
        ["posted", "failed"],
    )
    made = world.sandbox.account("mastodon", "more")
    ids["base_url"] = made["base_url"]
    ids["credentials"] = folder / "credentials.json"
    ids["credentials"].write_text(json.dumps(made["credentials"]))
    ids["accounts_file"] = folder / "accounts.jsonl"
    other = world.sandbox.account("mastodon", "other")
    ids["accounts_file"].write_text(
        json.dumps(
            {
                "platform": "mastodon",
                "handle": "other",
                "settings": {"base_url": other["base_url"]},
                "credentials": other["credentials"],
            }
        )
    )
    ids["posts_file"] = folder / "posts.csv"
    ids["posts_file"].write_text(f"account,text,at\n{account},imported,+2d\n")
    return ids
