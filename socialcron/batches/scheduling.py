"""New posts from people and files: everything is checked first, and either all of it is stored or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from socialcron.batches.validation import find_problems, text_problem
from socialcron.model import Account
from socialcron.settings import Settings
from socialcron.store.engine import Database
from socialcron.store.scheduling import Draft, Scheduled, add_posts, find_known_keys, find_unslotted_accounts
from socialcron.store.tokens import AccountRow
from socialcron.whens import is_past


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What became of some drafts. `posts` is empty where `errors` are: nothing was stored then."""

    posts: list[Scheduled] = field(default_factory=list)
    errors: dict[int, list[str]] = field(default_factory=dict)  # index of the draft -> what is wrong with it

    def problems(self) -> list[str]:
        return [error for errors in self.errors.values() for error in errors]


def schedule(
    db: Database,
    drafts: Sequence[Draft],
    *,
    accounts: Mapping[int, AccountRow],
    settings: Settings,
    now: datetime,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Plan:
    """Store a post per draft and account, or nothing. `accounts`: all the drafts name. `now`: the database's clock.

    A key that has a post already is not checked again: its time may have passed and its media be gone since.
    """
    keyed = [
        (account_id, draft.external_key)
        for draft in drafts
        if draft.external_key is not None and text_problem(draft.external_key) is None
        for account_id in draft.account_ids
    ]
    known = find_known_keys(db, keyed)
    slotting = {account_id for draft in drafts if draft.next_slot for account_id in draft.account_ids}
    unslotted = find_unslotted_accounts(db, sorted(slotting)) if slotting else set()
    errors: dict[int, list[str]] = {}
    for index, draft in enumerate(drafts):
        new = [accounts[id] for id in draft.account_ids if (id, draft.external_key) not in known]
        if found := find_errors(draft, new, settings, now, unslotted=unslotted):
            errors[index] = found
    if errors:
        return Plan(errors=errors)
    posts = add_posts(db, drafts, dry_run=dry_run, progress=progress)
    place = {id(draft): index for index, draft in enumerate(drafts)}
    for post in posts:
        if not post.same_payload:
            errors.setdefault(place[id(post.draft)], []).append(
                f"key {post.draft.external_key!r} of account {post.account_id} belongs to post {post.id}, "
                "which says something else or at another time"
            )
    return Plan(errors=errors) if errors else Plan(posts=posts)


def find_errors(
    draft: Draft,
    accounts: Sequence[AccountRow],
    settings: Settings,
    now: datetime,
    *,
    unslotted: Collection[int] = (),
) -> list[str]:
    """What keeps the draft from these accounts. unslotted: accounts without slots."""
    errors = []
    if draft.external_key is not None and (problem := text_problem(draft.external_key)):
        errors.append(f"key {problem}")
    if accounts and draft.due_at is not None and is_past(draft.due_at, now):
        errors.append(f"at: {draft.due_at.isoformat()} has passed; `now` publishes at once")
    for row in accounts:
        named = Account(id=row.id, platform=row.platform, handle=row.handle)
        found = find_problems(draft.content, platform=row.platform, settings=row.settings, host=settings)
        errors += [f"{named}: {problem}" for problem in found]
        if draft.next_slot and row.id in unslotted:
            errors.append(
                f"{named}: it has no slots; `socialcron accounts slots {row.id} --set ...` sets them"
            )
    return errors
