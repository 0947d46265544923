"""What a check of `doctor` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line. state: `fail` where something does not work, or posts may be lost; `warn` where somebody should look.

    hint: the way out; None where nothing is wrong. data: what was seen, for scripts.
    """

    name: str
    state: str
    message: str
    hint: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def ok(name: str, message: str, **data: Any) -> Check:
    return Check(name=name, state=OK, message=message, data=data)


def warn(name: str, message: str, hint: str, **data: Any) -> Check:
    return Check(name=name, state=WARN, message=message, hint=hint, data=data)


def fail(name: str, message: str, hint: str, **data: Any) -> Check:
    return Check(name=name, state=FAIL, message=message, hint=hint, data=data)


def span(seconds: float) -> str:
    """A length of time, roughly: "45 s", "3 min", "2 h", "4 days"."""
    for size, unit in ((172_800, "days"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds // {'days': 86_400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 account", "3 accounts"; "more than 1,000 posts" where a query stopped counting."""
    if number > 1000:
        return f"more than 1,000 {many or one + 's'}"
    return f"{number} {one if number == 1 else many or one + 's'}"


def some(names: list[str], most: int = 5) -> str:
    """ "a, b and 3 more"."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")
