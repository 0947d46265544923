"""Local stand-ins of the platforms over real HTTP on loopback, for the demo, the chaos tests and the benchmark.

An independent judge: written from the platforms' documents with the standard library alone, and nothing here may
import another part of socialcron, least of all the adapters it judges.

    with Sandbox.start() as sandbox:
        sandbox.url("mastodon")                         # http://127.0.0.1:43210/mastodon
        sandbox.account("mastodon", "alice")            # {"handle", "external_id", "base_url", "credentials"}
        sandbox.fault("accept_then_drop", platform="mastodon", visible_only=True, count=1)
        sandbox.posts("mastodon")                       # what is really there
        sandbox.advance(3600)                           # an hour later

Other processes do the same over HTTP: GET /_sandbox/state[?platform=NAME], POST /_sandbox/accounts, /_sandbox/faults,
/_sandbox/advance and /_sandbox/reset (see server.py).

Without any call: a Mastodon or X bearer token `sandbox-NAME` is account NAME, made on first use; so is a Bluesky
password that starts with `sandbox-` for any identifier, and an X OAuth 1.0a token `sandbox-NAME` with the consumer
key `sandbox-app`; the token secret and the consumer secret are `sandbox-secret`. A Telegram bot token `sandbox-NAME`
posts to @NAME, the Discord webhook https://discord.com/api/webhooks/1/sandbox-NAME to a channel of its own, and a
Supabase key `sandbox-NAME` opens the table.
"""

from socialcron.sandbox.faults import Fault, parse_faults
from socialcron.sandbox.server import PLATFORMS, Sandbox

__all__ = ["PLATFORMS", "Fault", "Sandbox", "parse_faults"]
