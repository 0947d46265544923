"""The wire of the contract tests: answers in the order in which they are expected, requests kept to be looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from socialcron.platforms.http import Http


class Wire:
    """A scripted server behind an `Http`. A request that was not expected next fails the test."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.script: list[tuple[str, httpx.Response | Exception]] = []
        self.http = Http(transport=httpx.MockTransport(self._answer))

    def expect(self, line: str, answer: int | Exception = 200, **response: Any) -> None:
        """Next comes `line` ("GET /path"); answer with a status and httpx.Response's arguments, or by raising."""
        self.script.append(
            (line, answer if isinstance(answer, Exception) else httpx.Response(answer, **response))
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        line = f"{request.method} {request.url.path}"
        assert self.script, f"unexpected request: {line}"
        expected, answer = self.script.pop(0)
        assert line == expected
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def last(self) -> httpx.Request:
        return self.requests[-1]

    @property
    def sent(self) -> Any:
        """The JSON body of the last request."""
        return json.loads(self.last.content)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.http.close()
    assert not wire.script, f"requests that never came: {[line for line, _ in wire.script]}"
