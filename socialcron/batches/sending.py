"""The one visible request of a step: committed before, sent once, recorded after, whatever happens."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from socialcron import log
from socialcron.batches.connection import Connection
from socialcron.batches.desk import Desk, Permit
from socialcron.batches.runner import Call, Record, Request, Send, Until
from socialcron.errors import (
    BadInput,
    Conflict,
    Duplicate,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    Rejected,
    Unavailable,
)
from socialcron.model import Accepted, Confirmed, PreparedStep
from socialcron.platforms.http import Session, now_seconds
from socialcron.store import posts
from socialcron.store.posts import ClaimedPost, Draft, Fact, SendRequest

NAME_SECONDS = 60.0  # until a platform is asked what it calls a post that is out
BUSY_SECONDS = 0.2  # between two tries to take an account that another run works


class Sending:
    """One visible request: the commit before it, the request, and the fact that comes of it."""

    def __init__(
        self,
        desk: Desk,
        connection: Connection,
        post: ClaimedPost,
        attempt: int | Draft,
        *,
        complete: bool,
        doubted: bool = False,
    ) -> None:
        """doubted: an earlier send of this step got no answer, and was found absent."""
        self._desk = desk
        self._connection = connection
        self._post = post
        self._attempt = attempt
        self._doubted = doubted
        self.complete = complete  # no step of the post is left after this one

    @property
    def _attempt_id(self) -> int:
        assert isinstance(self._attempt, int), "it is opened before it is sent"
        return self._attempt

    def permit(self) -> Generator[Request, Any, Permit | None]:
        """Have `sending` committed, waiting for a run that works the account; None when the account is halted."""
        request = SendRequest(
            attempt=self._attempt,
            post_id=self._post.id,
            account_id=self._post.account_id,
            revision=self._post.revision,
        )
        # Only where a look settles it at once, should we die before the request: elsewhere it would wait for a person.
        look_in = self._connection.adapter.declaration.look_in_seconds(
            self._desk.settings.send_deadline_seconds
        )
        while not self._connection.halted:
            permit: Permit = yield Send(request, ahead=look_in == 0)
            if not permit.busy:
                if permit.verdict is not None:
                    self._attempt = permit.verdict.attempt_id
                return permit
            yield Until(now_seconds() + BUSY_SECONDS)
        return None

    def send(self, prepared: PreparedStep, deadline: float) -> Generator[Request, Any, Confirmed | None]:
        """Send, and record what happened, whatever it was. None: the platform took it and decides later.

        Raises OutcomeUnknown once the post is unconfirmed; the platform's refusal when the step is provably not out.
        """
        adapter, began = self._connection.adapter, now_seconds()
        session: Session | None = None
        try:
            session = self._connection.session()
            session.write_deadline = deadline
            sent: Confirmed | Accepted = yield Call(partial(adapter.send_step, prepared, session))
        except Exception as exc:
            failure = self._failed(exc, session)  # the fact first: what follows may lose the database
            if session is not None:
                self._connection.note(session.seen)
            raise failure from exc
        confirmed = sent if isinstance(sent, Confirmed) else None
        if isinstance(sent, Accepted):
            self._accept(sent)
        else:
            yield from self.confirm(sent)
        self._connection.note(session.seen)
        self._event(
            "post_published" if confirmed else "post_accepted",
            step=prepared.number,
            duration_ms=round((now_seconds() - began) * 1000),
            url=confirmed and confirmed.url,
        )
        return confirmed

    def _accept(self, accepted: Accepted) -> None:
        """Nobody knows yet, and nothing is wrong: the platform says later what became of it."""
        title = self._connection.adapter.declaration.title
        self._desk.fact(
            lambda: posts.record_unknown(
                self._desk.db,
                self._attempt_id,
                error=f"{title} took it and is still working on it",
                error_class=None,
                look_in_seconds=accepted.seconds,
                handles=accepted.handles,
            )
        )

    def confirm(self, confirmed: Confirmed) -> Generator[Request, Any, None]:
        """Record that the step is out. A provisional id is asked about again.

        Raises OutcomeUnknown when that thing belongs to another step already, or has an id that cannot be stored.
        """
        fact = Fact(
            attempt_id=self._attempt_id,
            remote_id=confirmed.remote_id,
            url=confirmed.url,
            answer=confirmed.extra,
            complete=self.complete,
            look_in_seconds=NAME_SECONDS if confirmed.provisional else None,
        )
        try:
            yield Record(fact)
        except (Conflict, BadInput) as exc:
            why = "which is another post's" if isinstance(exc, Conflict) else "which cannot be stored"
            raise self._unknown(
                f"the platform answered with id {confirmed.remote_id[:100]!r}, {why}", None, person=True
            ) from None

    def _failed(self, exc: Exception, session: Session | None) -> PlatformError:
        """Record a send that did not come back confirmed. What the adapter thinks counts only if nothing is open."""
        error = exc if isinstance(exc, PlatformError) else None
        if error is None:
            self._event("send_failed", level=log.ERROR, exc_info=exc)
            error = PlatformFailure("a bug in socialcron stopped the send; see the log", retryable=False)
        visible = "unsent" if session is None else session.visible
        # "You said that already" speaks against the absence, however it was proven.
        contradicted = self._doubted and isinstance(error, Duplicate)
        if visible == "open" or isinstance(error, OutcomeUnknown) or contradicted:
            return self._unknown(words(error), error.http_status)
        if visible == "unsent":
            self._desk.fact(
                lambda: posts.record_not_sent(
                    self._desk.db, [self._attempt_id], error=words(error), error_class=error.error_class
                )
            )
            return error
        phase = self._desk.fact(
            lambda: posts.record_refused(
                self._desk.db,
                self._attempt_id,
                error_class=error.error_class,
                error=words(error),
                retryable=error.retryable,
                http_status=error.http_status,
            )
        )
        if isinstance(error, OutcomeUnknown | Unavailable) and phase == "refused":
            # An adapter's slip: a refusal is final, whatever it was called.
            return Rejected(error.message, http_status=error.http_status)
        return error

    def _unknown(self, error: str, http_status: int | None, *, person: bool = False) -> OutcomeUnknown:
        deadline = self._desk.settings.send_deadline_seconds
        look_in = None if person else self._connection.adapter.declaration.look_in_seconds(deadline)
        self._desk.fact(
            lambda: posts.record_unknown(
                self._desk.db,
                self._attempt_id,
                error=error,
                http_status=http_status,
                look_in_seconds=look_in,
            )
        )
        self._event("post_unconfirmed", level=log.WARNING, error=error, http_status=http_status)
        return OutcomeUnknown(error, http_status=http_status)

    def _event(self, name: str, *, level: int = log.INFO, **fields: Any) -> None:
        log.event(
            name,
            level=level,
            platform=self._connection.account.platform,
            account_id=self._post.account_id,
            post_id=self._post.id,
            attempt=self._post.attempt,
            **fields,
        )


def words(exc: PlatformError) -> str:
    """An error as it is kept on the post: redacted, with its hint, 1,000 characters at most."""
    text = f"{exc.message} ({exc.hint})" if exc.hint else exc.message
    return log.redact(text).replace("\x00", "")[:1000]
