"""A sandbox whose X account has published a lot; prints what `socialcron sandbox --json` does, and the account.

python crowded_x.py POSTS    their ids are consecutive numbers, from `first_id` on
"""

from __future__ import annotations

import json
import signal
import sys
import threading

from socialcron.sandbox import Sandbox
from socialcron.sandbox.frame import Post

FIRST_ID = 1_900_000_000_000_000_000

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with Sandbox.start(limited=False) as sandbox:
    made = sandbox.account("x", "crowded", auth="oauth2")
    place = sandbox.platforms["x"]
    account, published_at = place.accounts["crowded"], place.now() - 90 * 60
    for number in range(int(sys.argv[1])):
        post = Post(str(FIRST_ID + number), account, f"Post {number}", published_at)
        post.body = {"id": post.id, "text": post.text, "replies": 0}
        place.posts[post.id] = post
    said = {"control": sandbox.control_url, "account": made, "first_id": FIRST_ID}
    print(json.dumps({"data": said}), flush=True)
    stop.wait()
