"""post-due: recover what died, claim what is due, publish it, settle what is unconfirmed, report.

The life of one post in a run is `PublishJob.work`, top to bottom. If the process dies between any two of its lines,
the phase of the open attempt says what the next run must do: nothing sent before `sending` is committed; after that,
ask the platform.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any
from unicodedata import normalize

from socialcron import log
from socialcron.backoff import backoff_seconds
from socialcron.batches import media
from socialcron.batches.connection import Connection, Postponed
from socialcron.batches.desk import Desk, Permit
from socialcron.batches.runner import Call, Request, Until, Work
from socialcron.batches.sending import Sending, words
from socialcron.batches.validation import fitted, step_problems
from socialcron.content import Content, steps_for
from socialcron.errors import (
    AuthExpired,
    BadInput,
    Duplicate,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    SocialcronError,
)
from socialcron.model import Confirmed, PreparedStep, Ready, Saved, Step, Wait
from socialcron.platforms.http import now_seconds
from socialcron.store import posts
from socialcron.store.posts import Attempt, ClaimedPost, Draft

POSTED, ACCEPTED, RETRIED, FAILED, UNCONFIRMED, RELEASED, MISSED, RECONCILED = OUTCOMES = (
    "posted",
    "accepted",
    "retried",
    "failed",
    "unconfirmed",
    "released",
    "missed",
    "reconciled",
)


PATIENCE_SECONDS = 20.0
_OF_MEDIA = "of media"  # among stored handles: digests of the files they were made from


class PublishJob:
    """Publish one claimed post: every step that is not out yet, in order."""

    def __init__(
        self, desk: Desk, connection: Connection, post: ClaimedPost, attempts: list[Attempt]
    ) -> None:
        self._desk = desk
        self._connection = connection
        self._post = post
        self._attempts = attempts
        self._adapter = connection.adapter
        self._refreshed = False
        self._attempt: int | Draft  # at the step at work: on record as soon as there is something to keep
        self._patience_until: float | None = None  # `now_seconds`; until then it waits here for the platform
        self.lane = post.account_id
        self.due = now_seconds() + post.seconds_to_due
        self._confirmed = {
            attempt.step: Confirmed(remote_id=attempt.remote_id, url=attempt.url, extra=attempt.answer or {})
            for attempt in attempts
            if attempt.phase == "confirmed" and attempt.remote_id is not None
        }
        desk.held_posts.add(post.id)

    def work(self) -> Work:
        try:
            outcome = yield from self._publish()
        finally:
            self._desk.held_posts.discard(self._post.id)
        return outcome

    def give_back(self) -> str:
        self._desk.held_posts.discard(self._post.id)
        return self._release("the run ended before this post was sent")

    def _publish(self) -> Work:
        try:
            steps = self._steps()
        except (BadInput, Rejected) as exc:
            return self._fail(0, Rejected(exc.message, hint=exc.hint))
        open_steps = [step for step in steps if step.number not in self._confirmed]
        for step in open_steps:
            outcome = yield from self._publish_step(step, last=step is steps[-1])
            if outcome is not None:
                return outcome
        if not open_steps:
            posts.finish_post(self._desk.db, self._desk.token, self._post.id)
        return POSTED

    def _steps(self) -> tuple[Step, ...]:
        """The post's steps, each with its key. Raises BadInput or Rejected for what can never go out."""
        post, declaration = self._post, self._adapter.declaration
        steps = tuple(
            replace(
                step,
                due_at=post.due_at,
                key=self._adapter.choose_key(self._seed(step.number), post.due_at, step.number),
            )
            for step in steps_for(content_of(post), declaration.name)
        )
        if problems := step_problems(self._adapter, steps, self._connection.account.settings):
            raise Rejected("; ".join(map(str, problems)))
        return steps

    def _seed(self, number: int) -> bytes:
        return sha256(b"%b/%d/%d" % (self._post.key_seed.bytes, self._post.revision, number)).digest()

    def _publish_step(self, step: Step, *, last: bool) -> Generator[Request, Any, str | None]:
        """One step from open to confirmed; None when it is out, else the outcome the post ends this run with."""
        if self._connection.halted:
            return self._release(f"the account is {self._connection.halted}")
        handles, handles_age = self._saved_handles(step)
        self._attempt = Draft(
            post_id=self._post.id,
            step=step.number,
            revision=self._post.revision,
            key=step.key,
            handles=handles,
            handles_age_seconds=handles_age,
        )
        step = replace(
            step,
            handles=handles,
            parent=self._parent(step),
            root=self._confirmed.get(0) if step.number else None,
        )
        try:
            prepared = yield from self._prepare(step)
            waits = step.number == 0 and self.due > now_seconds()
            if waits:
                self._open_attempt()
        except PlatformError as exc:
            self._end_attempt(exc)
            return self._decide(step.number, exc)
        except Postponed as exc:
            return self._release(exc.reason, retry_in_seconds=exc.retry_in_seconds)
        except (SocialcronError, GeneratorExit):
            raise
        except Exception as exc:
            failure = self._bug(exc)
            self._end_attempt(failure)
            return self._decide(step.number, failure)
        if waits:
            yield Until(self.due)
        return (yield from self._send(step, prepared, last=last))

    def _parent(self, step: Step) -> Confirmed | None:
        match step.kind:
            case "post":
                return None
            case "reply":
                return self._confirmed[step.number - 1]
            case "comment" | "thumbnail":
                return self._confirmed[0]

    def _saved_handles(self, step: Step) -> tuple[dict[str, Any], float]:
        """What earlier tries at this step uploaded, if it is still good, and its age in seconds."""
        for attempt in reversed(self._attempts):
            if attempt.step == step.number and attempt.revision == self._post.revision:
                age = attempt.handles_age_seconds
                refused = attempt.phase == "refused" and attempt.error_class == Rejected.error_class
                if age is None or age >= self._adapter.declaration.handle_ttl_seconds or refused:
                    break
                return attempt.handles, age
        return {}, 0.0

    # --- prepare: everything invisible ---------------------------------------------------------------------------

    def _prepare(self, step: Step) -> Generator[Request, Any, PreparedStep]:
        step = yield from self._bring_media(step)
        # What was uploaded of other bytes is of no use: a file may have been replaced since a run died in the middle.
        of_media = {_OF_MEDIA: [item.sha256 for item in step.media]} if step.media else {}
        handles = dict(step.handles)
        if handles.pop(_OF_MEDIA, None) not in (None, of_media.get(_OF_MEDIA)):
            handles = {}
        step = replace(step, handles=handles)
        while True:
            result = yield from self._connection.call(
                partial(self._adapter.prepare, step), maybe_offline=not step.media
            )
            match result:
                case Saved(handles=found):
                    self._save_handles({**found, **of_media})
                    step = replace(step, handles=found)
                case Wait(handles=found, seconds=seconds):
                    self._save_handles({**found, **of_media})
                    step = replace(step, handles=found)
                    yield from self._wait(seconds)
                case Ready(request=request, handles=last):
                    found = step.handles if last is None else last
                    self._keep_request(request, {**found, **of_media}, _payload_hash(step))
                    return PreparedStep(
                        number=step.number,
                        kind=step.kind,
                        key=step.key,
                        request=request,
                        media=step.media,
                        handles=found,
                    )

    def _open_attempt(self) -> int:
        """Raises Postponed when the post is no longer ours."""
        if isinstance(self._attempt, Draft):
            (attempt_id,) = posts.open_attempts(self._desk.db, self._desk.token, [self._attempt])
            if attempt_id is None:
                raise Postponed("the claim was lost")
            self._attempt = attempt_id
        return self._attempt

    def _save_handles(self, handles: dict[str, Any]) -> None:
        posts.save_handles(self._desk.db, self._open_attempt(), handles)

    def _keep_request(self, request: Mapping[str, Any], handles: dict[str, Any], payload_hash: str) -> None:
        """With the attempt if it is open; else both go on record when it is sent, together with others."""
        if isinstance(self._attempt, Draft):
            self._attempt = replace(
                self._attempt, request=request, handles=handles, payload_hash=payload_hash
            )
        else:
            posts.mark_prepared(
                self._desk.db, self._attempt, request=request, handles=handles, payload_hash=payload_hash
            )

    def _wait(self, seconds: float) -> Generator[Request, Any, None]:
        """Wait for the platform's processing: here until the post is due, and a moment longer; else a later run does.

        Raises Postponed when a later run should go on.
        """
        if self._patience_until is None:
            self._patience_until = max(self.due, now_seconds() + PATIENCE_SECONDS)
        if now_seconds() + seconds > self._patience_until:
            title = self._adapter.declaration.title
            raise Postponed(f"{title} is still processing the media", retry_in_seconds=seconds)
        yield Until(now_seconds() + seconds)

    def _bring_media(self, step: Step) -> Generator[Request, Any, Step]:
        if not step.media:
            return step
        bring = partial(media.bring, settings=self._desk.settings, folder=self._desk.folder)
        brought = []
        for item in step.media:
            brought.append((yield Call(partial(bring, item))))
        settings = self._connection.account.settings
        step = replace(step, media=tuple(brought))
        step = yield Call(partial(fitted, step, self._adapter, settings, self._desk.folder))
        if problems := step_problems(self._adapter, [step], settings):
            raise Rejected("; ".join(map(str, problems)))
        return step

    # --- send: the one visible request ---------------------------------------------------------------------------

    def _send(self, step: Step, prepared: PreparedStep, *, last: bool) -> Generator[Request, Any, str | None]:
        tried = [a for a in self._attempts if (a.step, a.revision) == (step.number, self._post.revision)]
        doubted = any(attempt.phase == "absent" for attempt in tried)
        sending = Sending(
            self._desk, self._connection, self._post, self._attempt, complete=last, doubted=doubted
        )
        permit = yield from sending.permit()
        if permit is None:
            return self._release(f"the account is {self._connection.halted}")
        if permit.verdict is None or not permit.verdict.may_send:
            return self._not_permitted(permit, step.number)
        prepared = replace(
            prepared, first_sending_at=permit.verdict.first_sending_at, sends=permit.verdict.sends or 1
        )
        try:
            confirmed = yield from sending.send(prepared, permit.deadline)
        except OutcomeUnknown:
            return UNCONFIRMED
        except AuthExpired as exc:
            if self._refreshed or not self._connection.can_refresh():
                return self._decide(step.number, exc)
            self._refreshed = True
            try:
                yield from self._connection.refresh(self._connection.token_version)
            except PlatformError as failure:
                return self._decide(step.number, failure)
            except Postponed as postponed:
                return self._release(postponed.reason)
            return (yield from self._publish_step(replace(step, handles={}), last=last))
        except PlatformError as exc:
            return self._decide(step.number, exc)
        if confirmed is None:
            return ACCEPTED
        self._confirmed[step.number] = confirmed
        return None

    def _not_permitted(self, permit: Permit, step: int) -> str:
        verdict = permit.verdict
        if permit.taken:
            posts.draw_new_key(self._desk.db, self._desk.token, self._post.id)
            return self._release("the id we chose is another post's; a new one is drawn")
        if verdict is None:
            return self._release("the post, its account or its claim changed before the send")
        self._attempt = verdict.attempt_id
        if verdict.duplicate_of is not None:
            exc = Duplicate(
                f"post {verdict.duplicate_of} says the same on this account at nearly the same time",
                hint=f"`socialcron posts retry {self._post.id} --force` sends it all the same.",
            )
            self._end_attempt(exc)
            return self._fail(step, exc)
        limit = self._desk.settings.breaker_per_hour
        self._end_attempt(RateLimited(f"the breaker is open: {limit} posts in an hour"))
        return self._release(
            f"the breaker is open: {limit} posts of this account went out within an hour",
            retry_in_seconds=verdict.reopens_in_seconds,
        )

    # --- decisions -----------------------------------------------------------------------------------------------

    def _decide(self, step: int, exc: PlatformError) -> str:
        """What a failure that provably published nothing means for the post."""
        seconds = retry_seconds(self._connection, self._post, exc)
        if seconds is None:
            return self._fail(step, exc)
        return self._return(RETRIED, exc, give_back=isinstance(exc, RateLimited), retry_in_seconds=seconds)

    def _return(self, outcome: str, exc: PlatformError, *, give_back: bool, retry_in_seconds: float) -> str:
        self._log("post_retried", exc, level=log.WARNING, retry_in_seconds=round(retry_in_seconds))
        status = posts.return_post(
            self._desk.db,
            self._desk.token,
            self._post.id,
            give_back=give_back,
            retry_in_seconds=retry_in_seconds,
            error_class=exc.error_class,
            error=words(exc),
        )
        return outcome if status == "scheduled" else self._lost() if status is None else RELEASED

    def _release(self, reason: str, *, retry_in_seconds: float | None = None) -> str:
        self._event("post_released", level=log.DEBUG, reason=reason)
        posts.return_post(
            self._desk.db,
            self._desk.token,
            self._post.id,
            give_back=True,
            retry_in_seconds=retry_in_seconds,
            error=reason if retry_in_seconds is not None else None,
        )
        return RELEASED

    def _fail(self, step: int, exc: PlatformError) -> str:
        self._log("post_failed", exc, level=log.ERROR, step=step)
        status = posts.fail_post(
            self._desk.db,
            self._desk.token,
            self._post.id,
            step=step,
            error_class=exc.error_class,
            error=words(exc),
        )
        if status == "posted":  # its first step is out; it stopped at a later one
            self._desk.incomplete += 1
            return POSTED
        return {"failed": FAILED, "cancelled": RELEASED}.get(status or "", RELEASED)

    def _lost(self) -> str:
        self._event("claim_lost", level=log.WARNING)
        return RELEASED

    def _bug(self, exc: Exception) -> PlatformFailure:
        """A mistake of ours on the way to a request. Nothing was sent; it is tried again as other trouble is."""
        self._event("bug", level=log.ERROR, exc_info=exc)
        return PlatformFailure(f"a bug in socialcron ({type(exc).__name__}); see the log", retryable=True)

    def _end_attempt(self, exc: PlatformError) -> None:
        try:
            attempt_id = self._open_attempt()
        except Postponed:
            return
        posts.end_attempt(
            self._desk.db,
            attempt_id,
            error_class=exc.error_class,
            error=words(exc),
            retryable=exc.retryable,
            http_status=exc.http_status,
        )

    def _log(self, name: str, exc: PlatformError, *, level: int, **fields: Any) -> None:
        self._event(name, level=level, error_class=exc.error_class, error=str(exc), **fields)

    def _event(self, name: str, *, level: int, **fields: Any) -> None:
        log.event(
            name,
            level=level,
            platform=self._connection.account.platform,
            account_id=self._post.account_id,
            post_id=self._post.id,
            attempt=self._post.attempt,
            **fields,
        )


def retry_seconds(connection: Connection, post: ClaimedPost, exc: PlatformError) -> float | None:
    """When to try again after a failure that provably published nothing; None: never.

    A rate limit stops the account until it is over, a refused token until a person reconnects it.
    """
    if isinstance(exc, RateLimited):
        return connection.limited(exc)
    if isinstance(exc, AuthExpired):
        connection.disconnect(exc)
    elif exc.retryable and post.attempt < post.max_attempts:
        return backoff_seconds(post.attempt, retry_after=exc.retry_after)
    return None


def content_of(post: ClaimedPost) -> Content:
    return Content(
        text=post.text,
        media=post.media,
        link=post.link,
        poll=post.poll,
        thread=post.thread,
        first_comment=post.first_comment,
        variants=post.variants,
    )


def _payload_hash(step: Step) -> str:
    """What the duplicate guard compares (text, media bytes, link, reply target), after a digest of the words alone.

    Listings tell two posts apart by little more than their letters: `find_twin` compares those.
    """
    parts = [
        step.text,
        [item.sha256 for item in step.media],
        step.link,
        step.parent and step.parent.remote_id,
    ]
    letters = "".join(filter(str.isalnum, normalize("NFKC", step.text).casefold()))
    return "/".join(sha256(part.encode()).hexdigest() for part in (letters, json.dumps(parts)))
