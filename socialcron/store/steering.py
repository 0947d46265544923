"""What an operator does to a post that exists. Every change races with a run that may be sending it.

The pattern: lock the post's row, then, in a second statement and so with a fresh snapshot, read which of its steps
are out or may be, then decide. A run commits `sending` under the same lock, so one of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from socialcron.content import Content
from socialcron.errors import BadInput, Conflict
from socialcron.store import posts
from socialcron.store.engine import Database
from socialcron.store.scheduling import content_row, take_slot

Result = Literal["done", "requested", "too_late"]

OVER = ("failed", "missed", "cancelled")  # given up; a retry or another time brings them back


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPost:
    id: int
    status: str
    content_id: int
    account_id: int
    platform: str
    url: str | None
    held: bool
    put_off: bool  # waits for a retry
    incomplete_at_step: int | None
    cancel_requested: bool
    in_work: bool  # a run holds it under a live lease


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentUser:
    """A post that says some content, with what is needed to judge another one for it."""

    id: int
    status: str
    account_id: int
    platform: str
    handle: str
    settings: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """post_ids: the posts that say the new content. kept_ids: those that said the old one already."""

    result: Result
    post_ids: list[int]
    kept_ids: list[int]


def hold_post(db: Database, post_id: int) -> Result | None:
    """None: there is no such post. done: it stays in the queue. requested: the run that has it will not send it."""

    def hold() -> Result | None:
        with db.transaction():
            post = _lock(db, post_id)
            if post is None:
                return None
            if _is_out(db, post):
                return "too_late"
            if post.status in OVER:
                raise BadInput(f"post {post_id} is {post.status}: there is nothing to hold")
            db.run("hold_post", {"post_id": post_id})
            return "requested" if post.status == "processing" else "done"

    return db.retrying(hold)


def release_post(db: Database, post_id: int) -> bool | None:
    """Whether it was held; None: there is no such post."""
    with db.transaction():
        if _lock(db, post_id) is None:
            return None
        return db.run("release_post", {"post_id": post_id}) > 0


def reschedule_post(
    db: Database, post_id: int, due_at: datetime | None, *, next_slot: bool = False
) -> tuple[Result, datetime | None] | None:
    """Give it another time (None: now), also after it failed, was missed or cancelled. None: no such post.

    next_slot: the next free slot of its account instead. Raises BadInput where there is none.

    Returns what came of it and the new time; None for the time where it is too late.
    """

    def reschedule() -> tuple[Result, datetime | None] | None:
        with db.transaction():
            post = _lock(db, post_id)
            if post is None:
                return None
            if _is_out(db, post):
                return "too_late", None
            if post.status == "processing" and post.cancel_requested:
                raise BadInput(
                    f"post {post_id} is being cancelled",
                    hint=f"Look again in a minute: `socialcron posts show {post_id}`.",
                )
            slot = take_slot(db, post.account_id) if next_slot else None
            row = db.row("reschedule_post", {"post_id": post_id, "due_at": slot or due_at}, into=dict)
            assert row is not None
            return "requested" if post.status == "processing" else "done", row["due_at"]

    return db.retrying(reschedule)


def cancel_post(db: Database, post_id: int) -> Result | None:
    """None: there is no such post."""
    with db.transaction():
        if _lock(db, post_id) is None:
            return None
        result: Result = db.value("cancel_post", {"post_id": post_id})
        return result


def retry_post(db: Database, post_id: int, *, force: bool) -> str | None:
    """The status it had; None: there is no such post. BadInput: it is not one to be tried again."""
    with db.transaction():
        post = _lock(db, post_id)
        if post is None:
            return None
        open_steps = [send.step for send in _sends(db, [post_id]) if send.phase in ("sending", "unknown")]
        if post.status == "processing":
            raise BadInput(
                f"a run is working on post {post_id}",
                hint=f"`socialcron posts explain {post_id}` says since when.",
            )
        if post.status == "unconfirmed" or open_steps:
            raise BadInput(
                f"nobody knows whether post {post_id} is out, and sending it again could make a second one",
                hint=f"Wait for the platform's answer, or say what you saw: `socialcron posts resolve {post_id} "
                "--posted URL | --failed | --retry`.",
            )
        if post.status == "posted" and post.incomplete_at_step is None:
            raise BadInput(
                f"post {post_id} is out{f': {post.url}' if post.url else ''}", hint="Nothing is left to send."
            )
        if post.status == "scheduled" and not post.put_off and not force:
            raise BadInput(
                f"post {post_id} is in the queue already",
                hint=f"`socialcron posts explain {post_id}` says what it waits for.",
            )
        db.run("retry_post", {"post_id": post_id, "force": force})
        return post.status


def approve_posts(db: Database, post_ids: Sequence[int]) -> int:
    """How many contents were waiting for it. BadInput-free: approving twice is fine."""

    def approve() -> int:
        with db.transaction():
            return db.run("approve_posts", {"post_ids": list(post_ids)})

    return db.retrying(approve)


def find_missing_posts(db: Database, post_ids: Sequence[int]) -> list[int]:
    return [row["id"] for row in db.rows("find_missing_posts", {"post_ids": list(post_ids)}, into=dict)]


def edit_post(
    db: Database,
    post_id: int,
    change: Callable[[Content], Content],
    *,
    check: Callable[[Content, Sequence[ContentUser]], None],
) -> Edited | None:
    """Change what a post says, and with it every post of the same content that is not out. None: no such post.

    Those that are out keep the old content, so that the record of what they said stays true, and a thread that
    has begun ends as it was meant. `check` raises when one of the others could not go out like that.
    """

    def edit() -> Edited | None:
        with db.transaction():
            row = db.row("lock_content_of_post", {"post_id": post_id}, into=dict)
            if row is None:
                return None
            users = db.rows("lock_posts_of_content", {"content_id": row["id"]}, into=ContentUser)
            out = {send.post_id for send in _sends(db, [user.id for user in users])}
            out |= {user.id for user in users if user.status in ("posted", "unconfirmed")}
            changed = [user for user in users if user.id not in out]
            kept_ids = sorted(out)
            if post_id in out:
                return Edited(result="too_late", post_ids=[], kept_ids=kept_ids)
            old = Content(**{name: row[name] for name in Content.__dataclass_fields__})
            new = change(old)
            check(new, changed)
            if new != old:
                _store(db, row["id"], new, changed, needs_approval=row["needs_approval"], split=bool(out))
            in_work = any(user.status == "processing" for user in changed)
            return Edited(
                result="requested" if in_work else "done",
                post_ids=[user.id for user in changed],
                kept_ids=kept_ids,
            )

    return db.retrying(edit)


def resolve_post(
    db: Database,
    post_id: int,
    *,
    outcome: Literal["posted", "failed", "retry"],
    step_count: int,
    url: str | None = None,
    remote_id: str | None = None,
) -> str | None:
    """Settle an unconfirmed post by a person's word; its new status. None: no such post.

    step_count: how many steps the post has, so that the last one ends it. remote_id and url: of outcome "posted".
    Row lock and elapsed lease stand for a claim: nobody else looks at the post meanwhile. Raises BadInput.
    """
    with db.transaction(durable=True):
        post = _lock(db, post_id)
        if post is None:
            return None
        if post.in_work:
            raise BadInput(f"a run is looking at post {post_id} right now", hint="Try again in a minute.")
        unknown = [send for send in _sends(db, [post_id]) if send.phase != "confirmed"]
        if post.status == "processing":
            raise BadInput(
                f"post {post_id} was left behind by a run that died",
                hint="`socialcron reset-stuck --threshold-minutes 0` takes it back; then resolve it.",
            )
        if post.status != "unconfirmed" and not unknown:
            raise BadInput(
                f"post {post_id} is {post.status}: there is nothing to resolve",
                hint=f"Only unconfirmed posts need it; `socialcron posts explain {post_id}` says how this one stands.",
            )
        if outcome != "posted":
            status: str | None = db.value("resolve_absent", {"post_id": post_id, "retry": outcome == "retry"})
            return status
        if not unknown:
            raise BadInput(
                f"post {post_id} is unconfirmed without a send whose outcome is open",
                hint="Its rows were changed by hand; --failed or --retry settles it.",
            )
        assert remote_id is not None
        try:
            fact = posts.Fact(
                attempt_id=unknown[0].id,
                remote_id=remote_id,
                url=url,
                answer={},
                complete=unknown[0].step + 1 >= step_count,
            )
            return posts.record_confirmed(db, [fact])[0]
        except Conflict as exc:
            raise BadInput(
                f"{remote_id!r} is the id of another post of account {post.account_id} already",
                hint="Check the URL: each post on the platform belongs to one post here.",
            ) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPost:
    """A post for the validator."""

    id: int
    account_id: int
    platform: str
    handle: str
    settings: Any
    due_at: datetime
    text: str | None
    media: Any
    link: str | None
    poll: Any
    thread: Any
    first_comment: str | None
    variants: Any

    def content(self) -> Content:
        return Content(**{name: getattr(self, name) for name in Content.__dataclass_fields__})


def posts_to_validate(
    db: Database, *, post_ids: Sequence[int] | None, upcoming_seconds: float
) -> list[StoredPost]:
    """post_ids None: those that wait and are due within `upcoming_seconds`."""
    params = {"post_ids": None if post_ids is None else list(post_ids), "upcoming_seconds": upcoming_seconds}
    return db.rows("posts_to_validate", params, into=StoredPost)


# --- shared ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Send:
    id: int
    post_id: int
    step: int
    phase: str


def _lock(db: Database, post_id: int) -> LockedPost | None:
    return db.row("lock_post", {"post_id": post_id}, into=LockedPost)


def _sends(db: Database, post_ids: Sequence[int]) -> list[_Send]:
    return db.rows("find_sends", {"post_ids": list(post_ids)}, into=_Send)


def _is_out(db: Database, post: LockedPost) -> bool:
    """Whether any of it is out, or may be."""
    return post.status in ("posted", "unconfirmed") or bool(_sends(db, [post.id]))


def _store(
    db: Database,
    content_id: int,
    content: Content,
    changed: Sequence[ContentUser],
    *,
    needs_approval: bool,
    split: bool,
) -> None:
    if not split:
        db.run("edit_content", {"content_id": content_id, **_params(content)})
        return
    new_id: int = db.value("draw_content_ids", {"count": 1})
    db.run("add_contents", {"contents": Jsonb([content_row(new_id, content, needs_approval=needs_approval)])})
    db.run("repoint_posts", {"content_id": new_id, "post_ids": [user.id for user in changed]})
    db.run("repoint_recurrences", {"new_id": new_id, "old_id": content_id})


def _params(content: Content) -> dict[str, Any]:
    return {
        "text": content.text,
        "link": content.link,
        "first_comment": content.first_comment,
        "poll": None if content.poll is None else Jsonb(content.poll),
        **{name: Jsonb(getattr(content, name)) for name in ("media", "thread", "variants")},
    }
