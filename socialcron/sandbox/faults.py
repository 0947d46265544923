"""Faults on request: what goes wrong, for which requests, how often."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

# kind -> does the platform act on the request before (or although) the answer goes wrong?
KINDS: dict[str, bool] = {
    "429": False,  # rate limited, with the platform's headers
    "5xx": False,  # `status` (503) in the platform's form of an error
    "html": False,  # a proxy's HTML page with `status` (502)
    "drop_before": False,  # connection closed, nothing happened
    "expired_token": False,  # the access token of this request has ended, where the platform's tokens end at all
    "accept_then_drop": True,  # acted upon, connection closed without an answer
    "reset": True,  # acted upon, connection ended by RST
    "half_answer": True,  # acted upon; whole head, half the body, then closed
    "empty_body": True,  # acted upon; the right status, no body
    "truncated_json": True,  # acted upon; half the document, with a Content-Length that fits
    "huge_body": True,  # acted upon; 10 MB
    "late_arrival": True,  # closed now (or answered with `status`), acted upon `seconds` later
    "slow": True,  # acted upon after `seconds`, whether the client still waits or not
    "key_ignored": True,  # acted upon as if there were no idempotency key
    "lagging_listing": True,  # this post shows in listings after `seconds`, or after `looks` listings
}
MODIFIERS = frozenset({"slow", "key_ignored"})  # may go together with one of the others
ALIASES = {
    "drop": "accept_then_drop",
    "half": "half_answer",
    "late": "late_arrival",
    "lag": "lagging_listing",
}
HUGE_BYTES = 10_000_000


@dataclass(slots=True, kw_only=True)
class Fault:
    """One rule. A field left at its default matches everything.

    platform: as in the base URL; account: handle; method: of HTTP; path: regular expression, searched in the path
    below the platform's base; visible_only: only requests that make, change or delete a post.
    probability: of a matching request; count: fires at most so often (None: always); status: 0 takes the kind's own.
    performed: False turns a lost answer into a lost request, True makes "5xx", "429" or "html" lie.
    """

    kind: str
    platform: str | None = None
    account: str | None = None
    method: str | None = None
    path: str | None = None
    visible_only: bool = False
    probability: float = 1.0
    count: int | None = None
    seconds: float = 0.0
    looks: int = 0
    status: int = 0
    retry_after: float = 1.0
    performed: bool | None = None
    fired: int = 0

    def __post_init__(self) -> None:
        self.kind = ALIASES.get(self.kind, self.kind)
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"fault {self.kind}: probability {self.probability} is not between 0 and 1")
        if self.path is not None:
            try:
                re.compile(self.path)
            except re.error as exc:
                raise ValueError(f"fault {self.kind}: path is not a regular expression: {exc}") from None

    @property
    def acts(self) -> bool:
        return KINDS[self.kind] if self.performed is None else self.performed

    def matches(self, platform: str, account: str | None, method: str, path: str, visible: bool) -> bool:
        return (
            (self.count is None or self.fired < self.count)
            and self.platform in (None, platform)
            and self.account in (None, account)
            and self.method in (None, method)
            and (visible or not self.visible_only)
            and (self.path is None or re.search(self.path, path) is not None)
        )


class Faults:
    """The rules in force, in order; the first that matches and whose dice say so fires."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._rules = []

    def as_list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def __bool__(self) -> bool:
        return bool(self._rules)

    def pick(
        self, kinds: Iterable[str], platform: str, account: str | None, method: str, path: str, visible: bool
    ) -> Fault | None:
        """The fault of one of these kinds that befalls this request; None most of the time."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules:
                if rule.kind not in kinds or not rule.matches(platform, account, method, path, visible):
                    continue
                if rule.probability >= 1 or self._random.random() < rule.probability:
                    rule.fired += 1
                    return rule
        return None


def fault_from(document: Mapping[str, Any]) -> Fault:
    """A fault from JSON. Raises ValueError naming what is wrong with it."""
    known = {field.name for field in fields(Fault)} - {"fired"}
    if unknown := sorted(set(document) - known):
        raise ValueError(f"unknown key {unknown[0]!r} in a fault: one of {', '.join(sorted(known))}")
    if not isinstance(document.get("kind"), str):
        raise ValueError("a fault needs a kind")
    return Fault(**document)


def parse_faults(text: str) -> list[Fault]:
    """`"mastodon:drop=0.05,5xx=0.02,x:late=0.01@5"` -> faults.

    Items are KIND=PROBABILITY[@SECONDS]; a platform named before one holds for those after it too. Raises ValueError.
    """
    found = []
    platform = None
    for item in filter(None, (piece.strip() for piece in text.split(","))):
        name, colon, rest = item.partition(":")
        if colon:
            platform, item = name, rest
        kind, equals, numbers = item.partition("=")
        probability, _, seconds = numbers.partition("@")
        try:
            if not equals:
                raise ValueError("not KIND=PROBABILITY[@SECONDS]")
            fault = Fault(
                kind=kind, platform=platform, probability=float(probability), seconds=float(seconds or 0)
            )
        except ValueError as exc:
            raise ValueError(f"fault {item!r}: {exc}") from None
        found.append(fault)
    return found
