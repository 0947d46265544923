"""The sandbox in a process of its own, so that neither it nor the test slows the other, spoken to over HTTP."""

from __future__ import annotations

import json
import os
import signal
from typing import Any
from urllib.request import Request, urlopen

from socialcron.sandbox.server import Sandbox


class RemoteSandbox:
    """The part of `Sandbox` that `World` and the chaos suites use. Stop it at the end."""

    def __init__(self, seed: int) -> None:
        read, write = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            try:
                sandbox = Sandbox(seed=seed, limited=False)
                os.write(write, sandbox.control_url.encode())
                os.close(write)
                sandbox.serve()
            finally:
                os._exit(1)
        os.close(write)
        with os.fdopen(read) as said:
            self._url = said.read()

    def stop(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def account(self, platform: str, handle: str | None = None, **options: Any) -> dict[str, Any]:
        return self._ask("/accounts", {"platform": platform, "handle": handle, **options})

    def state(self) -> dict[str, Any]:
        return self._ask("/state")

    def pending(self) -> tuple[int, int]:
        """Requests that will arrive later, and those that are worked on."""
        state = self._ask("/pending")
        return state["late"], state["under_way"]

    def settings(self, platform: str, **switches: Any) -> None:
        self._ask("/settings", {"platform": platform, **switches})

    def set_faults(self, faults: list[dict[str, Any]]) -> None:
        """These and no others."""
        self._ask("/faults", faults)

    def advance(self, seconds: float) -> None:
        self._ask("/advance", {"seconds": seconds})

    def _ask(self, path: str, document: Any = None) -> dict[str, Any]:
        data = None if document is None else json.dumps(document).encode()
        request = Request(self._url + path, data=data, headers={"content-type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            body: dict[str, Any] = json.loads(answer.read() or b"{}")
        return body
