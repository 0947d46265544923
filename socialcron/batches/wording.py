"""What is said of an event: a JSON body for programs, plain text for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from socialcron.store.events import KINDS, Event

SHOWN = 20  # events of a message that get a line each

_SUBJECTS = {"needs_reconnect": "account", "monitoring_failed": "profile"}


def payload(event: Event) -> str:
    """{"id", "type", "timestamp", "data"}: some hundred bytes, as the triggers cut long texts."""
    what = _SUBJECTS.get(event.kind, "post")
    body = {
        "id": str(event.event_id),
        "type": event.kind if event.kind == "test" else f"{what}.{event.kind}",
        "timestamp": event.created_at.astimezone(UTC).isoformat(),
        "data": event.data,
    }
    return json.dumps(body, ensure_ascii=False)


def message(counts: Mapping[str, int], events: Sequence[Event], zone: tzinfo) -> tuple[str, str]:
    """Title and body. counts: of all events by kind; events: the oldest of them."""
    kinds = [kind for kind in (*KINDS, "test") if counts.get(kind)]
    title = "socialcron: " + ", ".join(f"{counts[kind]:,} {kind.replace('_', ' ')}" for kind in kinds)
    lines = [f"- {_line(event, zone)}" for event in events[:SHOWN]]
    if more := sum(counts.values()) - len(lines):
        lines.append(f"and {more:,} more; `socialcron status` shows where things stand")
    return title, "\n".join(lines) + "\n"


def _line(event: Event, zone: tzinfo) -> str:
    """One line, whatever is in the data."""
    data = event.data
    error = ": ".join(str(data[name]) for name in ("error_class", "error") if data.get(name))
    whose = f"{data.get('platform')} {data.get('handle')}"
    match event.kind:
        case "test":
            said = str(data.get("message"))
        case "needs_reconnect":
            number = data.get("account_id")
            said = f"{whose} needs a reconnect: {error}. `socialcron accounts reconnect {number}`"
        case "monitoring_failed":
            number = data.get("profile_id")
            said = f"{whose} could not be read: {error}. `socialcron profiles show {number}`"
        case _:
            said = _of_post(event.kind, data, whose, error, zone)
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())


def _of_post(kind: str, data: Mapping[str, Any], whose: str, error: str, zone: tzinfo) -> str:
    number = data.get("post_id")
    due = _moment(data.get("due_at"), zone)
    post = f"post {number} on {whose}, due {due}{_quoted(data.get('text'))}"
    explain = f"`socialcron posts explain {number}`"
    step = data.get("incomplete_at_step")
    if kind == "posted" and step is not None:
        return f"stopped midway: {post}: out up to step {step}: {data.get('url')}; {error}. {explain}"
    if kind == "posted":
        return f"posted: {post}: {data.get('url') or 'it has no address (yet)'}"
    if kind == "unconfirmed" and data.get("needs_person"):
        resolve = f"`socialcron posts resolve {number}`"
        return f"unconfirmed: {post}: only a person can see whether it is out; {error}. {resolve}"
    if kind == "unconfirmed":
        return f"unconfirmed: {post}: the platform is being asked whether it is out; {error}. {explain}"
    return f"{kind}: {post}: {error or 'it was too late to send it'}. {explain}"


def _moment(text: object, zone: tzinfo) -> str:
    try:
        return datetime.fromisoformat(str(text)).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    except ValueError:
        return "-"


def _quoted(text: object) -> str:
    words = " ".join(str(text or "").split())
    return f' "{words if len(words) <= 40 else words[:39] + "…"}"' if words else ""
