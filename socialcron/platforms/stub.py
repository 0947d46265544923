"""stub: a platform that logs instead of publishing. Nothing leaves the host.

For trying a schedule, a feed or a crontab without an account anywhere. Logger "socialcron.stub", one INFO line
`stub_published` per step. Logs hold no post bodies (they are mailed and shipped); the text is in a DEBUG line.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from socialcron.errors import AuthExpired
from socialcron.model import (
    Account,
    Confirmed,
    Identity,
    Look,
    PreparedStep,
    Problem,
    Ready,
    Step,
    Tokens,
)
from socialcron.platforms.base import App, Declaration, default_error, key_text, nothing_seen
from socialcron.platforms.http import Http, Session
from socialcron.platforms.text import field

log = logging.getLogger("socialcron.stub")


class Stub:
    declaration: ClassVar[Declaration] = Declaration(
        name="stub",
        title="Stub (logs instead of publishing)",
        documentation="socialcron README",
        default_base_url=None,
        features=frozenset({"media", "alt_text", "link", "thread", "first_comment", "poll"}),
        limits=(),
        credentials=(),
        reconcile="client_id",
        honest_limits="A log line written just before a crash may be written again.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        """Only what no platform takes: a step that says nothing."""
        return [
            Problem(field=field(step), message="empty, without media")
            for step in steps
            if not (step.text.strip() or step.media or step.link or step.poll)
        ]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        return Session(
            base_url="",
            where=str(account),
            http=http,
            authorize=lambda request: None,
            explain=lambda answer: default_error(answer, str(account)),
            limits=nothing_seen,
            account_id=account.external_id or account.handle,
        )

    def prepare(self, step: Step, session: Session) -> Ready:
        return Ready(
            request={
                "text": step.text,
                "media": [media.source for media in step.media],
                "link": step.link,
                "poll": list(step.poll.options) if step.poll else None,
                "parent": step.parent.remote_id if step.parent else None,
            }
        )

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Write one log line. The id is made of the key, so a step always gets the same one. Never fails."""
        fields = {
            "platform": "stub",
            "account": session.where,
            "step": step.number,
            "remote_id": f"stub-{step.key}",
            "characters": len(step.request["text"]),
            "media": len(step.request["media"]),
        }
        log.info("stub_published", extra={"fields": fields})
        log.debug("stub_text", extra={"fields": {"text": step.request["text"], **fields}})
        return _confirmed(step)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """The line was logged or it was not, and nobody can see a difference: it counts as posted."""
        return Look(matches=(_confirmed(step),))

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        return False

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        raise AuthExpired(f"{account}: the stub has no tokens to refresh")

    def identify(self, session: Session) -> Identity:
        handle = session.account_id or "stub"
        return Identity(external_id=handle, handle=handle)


def _confirmed(step: PreparedStep) -> Confirmed:
    return Confirmed(remote_id=f"stub-{step.key}")
