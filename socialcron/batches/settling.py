"""Ask the platform about one post: is it out (PROTOCOL 5), what is it called. Sends again only what does no harm."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from socialcron import log
from socialcron.batches.connection import Connection, Postponed
from socialcron.batches.desk import Desk
from socialcron.batches.publishing import (
    ACCEPTED,
    FAILED,
    POSTED,
    RECONCILED,
    RELEASED,
    RETRIED,
    UNCONFIRMED,
    content_of,
    retry_seconds,
)
from socialcron.batches.runner import Work
from socialcron.batches.sending import Sending, words
from socialcron.content import steps_for
from socialcron.errors import AuthExpired, BadInput, Conflict, OutcomeUnknown, PlatformError, RateLimited
from socialcron.model import Confirmed, Look, PreparedStep, Step, StepKind
from socialcron.platforms.http import now_seconds
from socialcron.store import posts
from socialcron.store.posts import Attempt, ClaimedPost

LOOK_AGAIN_SECONDS = 60.0  # the least time between the two looks that prove an absence
TROUBLE_SECONDS = 300.0  # after a look that failed
WORKING_SECONDS = 2 * 86_400.0  # a platform that works on a post for longer has forgotten it
KEY_MARGIN_SECONDS = 300.0  # a key is not relied upon in the last minutes of its life


class SettleJob:
    def __init__(
        self, desk: Desk, connection: Connection, post: ClaimedPost, attempts: list[Attempt]
    ) -> None:
        self._desk = desk
        self._connection = connection
        self._post = post
        self._attempt = next((a for a in attempts if a.phase == "unknown" or a.provisional), None)
        self._read_at = now_seconds()
        self.lane = post.account_id
        self.due = 0.0  # before anything new: a wrong answer here is a duplicate or a loss
        desk.held_posts.add(post.id)

    def work(self) -> Work:
        try:
            outcome = yield from self._settle()
        finally:
            self._desk.held_posts.discard(self._post.id)
        return outcome

    def give_back(self) -> str:
        self._desk.held_posts.discard(self._post.id)
        return self._postpone(0.0, outcome=RELEASED)

    def _settle(self) -> Work:
        attempt = self._attempt
        if attempt is None:
            return self._postpone(None, error="unconfirmed without an unknown step; see `posts explain`")
        declaration = self._connection.adapter.declaration
        if declaration.reconcile == "none" or attempt.request is None:
            return self._postpone(None)
        prepared = PreparedStep(
            number=attempt.step,
            kind=self._kind(attempt.step),
            key=attempt.idempotency_key,
            request=attempt.request,
            handles=attempt.handles,
            first_sending_at=attempt.first_sending_at,
            sends=attempt.sends,
        )
        try:
            look = yield from self._connection.call(partial(self._connection.adapter.reconcile, prepared))
        except RateLimited as exc:
            return self._postpone(self._connection.limited(exc), error=f"could not look: {exc}")
        except PlatformError as exc:
            return self._could_not_look(exc)
        except Postponed as exc:
            return self._postpone(LOOK_AGAIN_SECONDS, error=exc.reason)

        if self._attempt and self._attempt.provisional:
            return self._name(look)
        if look.unanswerable is not None:
            return self._postpone(None, error=f"{look.unanswerable}; a person must look")
        if look.failure is not None and self._twin(look) is None:
            return self._give_up(look.failure)
        if look.waiting_seconds is not None:
            return self._still_working(look.waiting_seconds)
        candidates = self._unowned(look)
        twin = self._twin(look) if candidates else None
        if len(candidates) == 1 and twin is None:
            return (yield from self._adopt(candidates[0]))
        if candidates and twin in ("sending", "confirmed"):
            age = self._ago(self._attempt.first_sent_seconds_ago) or 0.0 if self._attempt else 0.0
            error = "another post with the same words is about to be known"
            return self._postpone(_slower(LOOK_AGAIN_SECONDS, age), error=error)
        if candidates:
            return self._postpone(
                None, error=f"{len(candidates)} posts on the platform could be this one; a person must decide"
            )
        if look.occupied:
            return self._absent("the id we chose holds something else", draw_new_key=True)
        if not look.complete:
            age = self._ago(self._attempt.first_sent_seconds_ago) or 0.0 if self._attempt else 0.0
            seconds = None if age > WORKING_SECONDS else _slower(TROUBLE_SECONDS, age)
            return self._postpone(seconds, error="the look does not prove anything")
        if self._may_repeat(look):
            return (yield from self._repeat(prepared))
        return self._count_absence()

    def _could_not_look(self, exc: PlatformError) -> str:
        """Only a token that is no good disconnects: looking may take rights (a scope, a plan) that posting does not."""
        seconds: float | None = max(TROUBLE_SECONDS, exc.retry_after or 0.0)
        if isinstance(exc, AuthExpired) and exc.http_status in (None, 401):
            self._connection.disconnect(exc)
        elif not exc.retryable and self._attempt:
            age = self._ago(self._attempt.first_sent_seconds_ago) or 0.0
            seconds = None if age > WORKING_SECONDS else _slower(TROUBLE_SECONDS, age)
        return self._postpone(seconds, error=f"could not look: {exc}")

    def _kind(self, number: int) -> StepKind:
        if number == 0:
            return "post"
        steps = self._steps()
        return steps[number].kind if number < len(steps) else "reply"

    def _steps(self) -> tuple[Step, ...]:
        try:
            return steps_for(content_of(self._post), self._connection.account.platform)
        except BadInput:
            return ()  # broken by hand since it was sent; what is out is out

    # --- decided later ---------------------------------------------------------------------------------------------

    def _still_working(self, seconds: float) -> str:
        assert self._attempt is not None
        title = self._connection.adapter.declaration.title
        age = self._ago(self._attempt.first_sent_seconds_ago) or 0.0
        if age > WORKING_SECONDS:
            return self._postpone(
                None, error=f"{title} has been working on it for two days; a person must decide"
            )
        error = f"{title} took it and is still working on it"
        return self._postpone(_slower(seconds, age), error=error, outcome=ACCEPTED)

    def _give_up(self, exc: PlatformError) -> str:
        """The platform had it and will never show it: as if it had refused the send."""
        assert self._attempt is not None
        seconds = retry_seconds(self._connection, self._post, exc)
        self._log("post_refused_later", level=log.WARNING, error_class=exc.error_class, error=str(exc))
        status = posts.record_failure(
            self._desk.db,
            self._desk.token,
            self._attempt.id,
            error_class=exc.error_class,
            error=words(exc),
            retryable=exc.retryable,
            retry_in_seconds=seconds,
            give_back=isinstance(exc, RateLimited),
        )
        if status == "posted":
            self._desk.incomplete += 1
        return {"scheduled": RETRIED, "failed": FAILED, "posted": POSTED}.get(status or "", RELEASED)

    def _name(self, look: Look) -> str:
        """The post is out under a stand-in of its name: keep asking, ever more slowly, then leave it at that."""
        assert self._attempt is not None
        attempt, age = self._attempt, self._ago(self._attempt.first_sent_seconds_ago) or 0.0
        final = [match for match in self._unowned(look) if not match.provisional]
        if len(final) != 1:
            seconds = None if age > WORKING_SECONDS else _slower(LOOK_AGAIN_SECONDS, age)
            return self._postpone(seconds)
        [match] = final
        with suppress(Conflict, BadInput):  # what cannot be stored, or is another post's, is not its name
            self._desk.fact(
                lambda: posts.record_name(
                    self._desk.db,
                    attempt.id,
                    remote_id=match.remote_id,
                    url=match.url,
                    answer=match.extra,
                )
            )
            self._log("post_named", url=match.url)
            return RECONCILED
        return self._postpone(None)

    # --- found ---------------------------------------------------------------------------------------------------

    def _unowned(self, look: Look) -> list[Confirmed]:
        ids = [match.remote_id for match in look.matches]
        try:
            owned = posts.owned_ids(self._desk.db, self._post.account_id, ids) if ids else set()
        except BadInput:  # an id that cannot be stored belongs to nobody, and will be left to a person
            owned = set()
        return [match for match in look.matches if match.remote_id not in owned]

    def _may_mean_another(self, look: Look) -> bool:
        if look.certain is not None:
            return not look.certain
        return self._connection.adapter.declaration.reconcile not in ("client_id", "handle")

    def _twin(self, look: Look) -> str | None:
        """The phase of another open post that says the same, where a match could be that one's; None: there is none."""
        assert self._attempt is not None
        if self._attempt.step or not self._may_mean_another(look):
            return None
        return posts.find_twin(
            self._desk.db,
            account_id=self._post.account_id,
            payload_hash=self._attempt.payload_hash,
            post_id=self._post.id,
        )

    def _adopt(self, match: Confirmed) -> Work:
        sending = self._sending()
        if match.provisional and not sending.complete:
            return self._postpone(LOOK_AGAIN_SECONDS, error="it is out, but what follows it needs its name")
        try:
            yield from sending.confirm(match)
        except OutcomeUnknown as exc:
            return self._postpone(None, error=exc.message)
        self._log("post_reconciled", found=True, url=match.url)
        return RECONCILED

    def _sending(self) -> Sending:
        assert self._attempt is not None
        complete = self._attempt.step + 1 >= len(self._steps())
        return Sending(self._desk, self._connection, self._post, self._attempt.id, complete=complete)

    # --- not found -----------------------------------------------------------------------------------------------

    def _may_repeat(self, look: Look) -> bool:
        """Whether sending the same bytes again cannot make a second post."""
        assert self._attempt is not None
        if self._attempt.sends >= self._post.max_attempts:
            return False
        declaration = self._connection.adapter.declaration
        if declaration.reconcile == "client_id":
            return True
        if declaration.reconcile != "key" or not look.key_works or declaration.key_ttl_seconds is None:
            return False
        age = self._ago(self._attempt.first_sent_seconds_ago)
        return age is not None and age < declaration.key_ttl_seconds - KEY_MARGIN_SECONDS

    def _repeat(self, prepared: PreparedStep) -> Work:
        assert self._attempt is not None
        sending = self._sending()
        permit = yield from sending.permit()
        if permit is None:
            return self._postpone(LOOK_AGAIN_SECONDS, error=f"the account is {self._connection.halted}")
        if permit.verdict is None or not permit.verdict.may_send:
            wait = permit.verdict.reopens_in_seconds if permit.verdict else None
            return self._postpone(wait or LOOK_AGAIN_SECONDS, outcome=RELEASED)
        try:
            confirmed = yield from sending.send(
                replace(prepared, sends=permit.verdict.sends or 0), permit.deadline
            )
        except OutcomeUnknown:
            return UNCONFIRMED
        except RateLimited as exc:
            return self._postpone(self._connection.limited(exc), error=str(exc))
        except AuthExpired as exc:
            if not self._connection.can_refresh():
                self._connection.disconnect(exc)
            return self._postpone(LOOK_AGAIN_SECONDS, error=str(exc))
        except PlatformError as exc:
            # "duplicate", "media already used", 422: after an unknown send these often mean that it worked.
            return self._postpone(LOOK_AGAIN_SECONDS, error=str(exc))
        return POSTED if confirmed else ACCEPTED

    def _count_absence(self) -> str:
        """Absence takes two looks, both later than any straggler could arrive and show itself, a minute apart."""
        assert self._attempt is not None
        declaration, deadline = (
            self._connection.adapter.declaration,
            self._desk.settings.send_deadline_seconds,
        )
        settle_after = deadline + declaration.settle_seconds
        sent_ago = self._ago(self._attempt.sent_seconds_ago) or 0.0
        if sent_ago < settle_after:
            return self._postpone(settle_after - sent_ago)
        earlier = [
            ago
            for look in self._attempt.looked_seconds_ago
            if (ago := self._ago(look) or 0.0) >= LOOK_AGAIN_SECONDS and sent_ago - ago >= settle_after
        ]
        if not earlier:
            return self._postpone(LOOK_AGAIN_SECONDS, looked=True)
        return self._absent("the platform never got it")

    def _absent(self, error: str, *, draw_new_key: bool = False) -> str:
        assert self._attempt is not None
        posts.record_absent(
            self._desk.db, self._desk.token, self._attempt.id, error=error, draw_new_key=draw_new_key
        )
        self._log("post_reconciled", found=False, reason=error)
        return RECONCILED

    def _ago(self, seconds: float | None) -> float | None:
        """An age that was read with the claim, as it is now."""
        return None if seconds is None else seconds + now_seconds() - self._read_at

    def _postpone(
        self,
        seconds: float | None,
        *,
        looked: bool = False,
        error: str | None = None,
        outcome: str = UNCONFIRMED,
    ) -> str:
        """Look again in `seconds`; None leaves it to a person. A post that is out has no error for want of a name."""
        if self._attempt and self._attempt.provisional:
            error, outcome = None, RECONCILED
        posts.postpone_look(
            self._desk.db,
            self._desk.token,
            self._post.id,
            self._attempt.id if self._attempt else 0,
            look_in_seconds=seconds,
            looked=looked,
            error=error and log.redact(error)[:1000],
        )
        if seconds is None and self._post.status == "unconfirmed":
            self._log("post_needs_a_person", level=log.WARNING, reason=error)
        return outcome

    def _log(self, name: str, *, level: int = log.INFO, **fields: Any) -> None:
        log.event(
            name,
            level=level,
            platform=self._connection.account.platform,
            account_id=self._post.account_id,
            post_id=self._post.id,
            step=self._attempt.step if self._attempt else None,
            attempt=self._post.attempt,
            **fields,
        )


def _slower(seconds: float, age_seconds: float) -> float:
    """`seconds`, stretched to a tenth of the age, an hour at most: a minute after a minute, an hour after a day."""
    return max(seconds, min(age_seconds / 10, 3600.0))
