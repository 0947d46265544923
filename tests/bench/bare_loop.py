"""The floor of publishing: the requests of a run in a bare loop, and nothing else. Reads its work as JSON from a file.

python bare_loop.py WORK.json    {"concurrency": int, "accounts": [{"base_url", "token", "texts"}]}
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

work = json.loads(Path(sys.argv[1]).read_text())
client = httpx.Client(limits=httpx.Limits(max_connections=20, max_keepalive_connections=20))


def publish(account: dict[str, Any]) -> None:
    base, headers = account["base_url"], {"authorization": f"Bearer {account['token']}"}
    for path in ("/api/v2/instance", "/api/v1/accounts/verify_credentials"):
        client.get(base + path, headers=headers).raise_for_status()
    for text in account["texts"]:
        answer = client.post(
            base + "/api/v1/statuses",
            json={"status": text},
            headers=headers | {"idempotency-key": uuid4().hex},
        )
        assert answer.raise_for_status().json()["id"]


with ThreadPoolExecutor(work["concurrency"]) as pool:
    list(pool.map(publish, work["accounts"]))
