"""One post, looked at closely: everything `posts show` and `posts explain` need. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from socialcron.content import Content
from socialcron.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDetail:
    """What is in the fields of a content may be anything JSON can hold: applications write them."""

    id: int
    account_id: int
    platform: str
    handle: str
    status: str
    due_at: datetime
    ready_at: datetime | None
    retry_at: datetime | None
    held_at: datetime | None
    approved_at: datetime | None
    content_id: int
    priority: int
    attempt: int
    max_attempts: int
    revision: int
    external_key: str | None
    remote_id: str | None
    url: str | None
    posted_at: datetime | None
    time_to_post_seconds: float | None
    incomplete_at_step: int | None
    error_class: str | None
    last_error: str | None
    cancel_requested_at: datetime | None
    reconcile_at: datetime | None
    first_claimed_at: datetime | None
    heartbeat_at: datetime | None
    lease_until: datetime | None
    allow_duplicate: bool
    recurrence_id: int | None
    occurs_at: datetime | None
    created_at: datetime
    updated_at: datetime
    text: str | None
    media: Any
    link: str | None
    poll: Any
    thread: Any
    first_comment: str | None
    variants: Any

    def content(self) -> Content:
        return Content(**{name: getattr(self, name) for name in Content.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One try at one step. `looks`: complete looks at the platform that did not show it."""

    id: int
    attempt: int
    step: int
    phase: str
    error_class: str | None
    retryable: bool | None
    http_status: int | None
    error: str | None
    sends: int
    first_sending_at: datetime | None
    sending_at: datetime | None
    looks: list[datetime]
    remote_id: str | None
    url: str | None
    opened_at: datetime
    ended_at: datetime | None


def read_post(db: Database, post_id: int) -> PostDetail | None:
    return db.row("read_post", {"post_id": post_id}, into=PostDetail)


def read_attempt_history(db: Database, post_id: int) -> list[AttemptView]:
    return db.rows("read_attempt_history", {"post_id": post_id}, into=AttemptView)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostFacts:
    """Everything that can keep one post from going out, at the moment `now` of the database's clock."""

    id: int
    status: str
    recurrence_id: int | None
    due_at: datetime
    ready_at: datetime | None
    retry_at: datetime | None
    held: bool
    attempt: int
    max_attempts: int
    claimed_before: bool
    cancel_requested: bool
    in_work: bool  # a run holds it under a live lease
    reconcile_at: datetime | None
    heartbeat_at: datetime | None
    error_class: str | None
    last_error: str | None
    url: str | None
    posted_at: datetime | None
    incomplete_at_step: int | None
    approved: bool
    has_content: bool
    account_id: int
    platform: str
    handle: str
    account_status: str
    autopost_enabled: bool
    blocked_until: datetime | None
    account_error: str | None
    account_busy: bool
    now: datetime
    last_run_at: datetime | None  # of post-due, on any host; None: never seen
    ahead: int  # ready posts of the account that go first, up to 1000
    sends_last_hour: int  # first steps of this account


def explain_post(db: Database, post_id: int) -> PostFacts | None:
    return db.row("explain_post", {"post_id": post_id}, into=PostFacts)
