"""The queue: claim, send, record, settle. One function per query; the rules are PROTOCOL's sections 2 to 6.

Decisions (retry, release, fail) are guarded by the claim token and return None when the post is no longer ours.
Facts (it is out, it was refused, nobody knows) are recorded by attempt id, whoever holds the post by now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from socialcron.errors import DatabaseUnavailable
from socialcron.store.engine import Database

CLAIM_PASSES = 20  # each looks at as many accounts as posts are wanted, and not again at those that gave none


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWork:
    accounts_due: bool
    wakeups_due: bool
    posts_stuck: bool
    unconfirmed_due: bool
    recurrences_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """The numbers of a claim, from settings and options. Seconds throughout; platforms None means all."""

    batch_size: int
    look_ahead_seconds: float
    lateness_seconds: float
    catch_up_cap: int
    lease_seconds: float
    platforms: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    token: UUID
    post_ids: list[int] = field(default_factory=list)  # ours to publish
    account_ids: list[int] = field(default_factory=list)  # ours to work
    unconfirmed_ids: list[int] = field(default_factory=list)  # ours to settle
    missed_ids: list[int] = field(default_factory=list)  # already marked

    def __len__(self) -> int:
        return len(self.post_ids) + len(self.unconfirmed_ids) + len(self.missed_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedPost:
    id: int
    account_id: int
    content_id: int
    status: str
    due_at: datetime
    attempt: int
    max_attempts: int
    revision: int
    key_seed: UUID
    claim_token: UUID
    allow_duplicate: bool
    remote_id: str | None
    priority: int
    seconds_to_due: float
    lease_seconds: float
    read_at: datetime
    text: str | None
    media: Any
    link: str | None
    poll: Any
    thread: Any
    first_comment: str | None
    variants: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one step, as stored. Ages are seconds before the moment of reading, None when it never happened."""

    id: int
    post_id: int
    account_id: int
    attempt: int
    step: int
    revision: int
    phase: str
    idempotency_key: str
    handles: dict[str, Any]
    request: dict[str, Any] | None
    payload_hash: str | None
    sends: int
    first_sending_at: datetime | None
    remote_id: str | None
    url: str | None
    answer: dict[str, Any] | None
    provisional: bool
    error_class: str | None
    handles_age_seconds: float | None
    first_sent_seconds_ago: float | None
    sent_seconds_ago: float | None
    looked_seconds_ago: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether `sending` was committed; if not, why: another post says the same, or the breaker is open."""

    attempt_id: int
    may_send: bool
    first_sending_at: datetime | None = None
    sends: int | None = None
    duplicate_of: int | None = None
    reopens_in_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An attempt to be opened. request: None while it is being prepared. handles may come from an earlier try."""

    post_id: int
    step: int
    revision: int
    key: str
    handles: Mapping[str, Any]
    handles_age_seconds: float = 0.0
    request: Mapping[str, Any] | None = None
    payload_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """One step that is ready to go out. attempt: the id of its attempt, or what is to be opened first."""

    attempt: int | Draft
    post_id: int
    account_id: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A step is out. complete: no step of its post is left.

    look_in_seconds: the id is provisional, ask again then; None: it is final.
    """

    attempt_id: int
    remote_id: str
    url: str | None
    answer: Mapping[str, Any]
    complete: bool
    look_in_seconds: float | None = None


# --- claim -------------------------------------------------------------------------------------------------------


def due_work(db: Database, *, look_ahead_seconds: float, stuck_seconds: float) -> DueWork:
    params = {"look_ahead_seconds": look_ahead_seconds, "stuck_seconds": stuck_seconds}
    work = db.row("due_work", params, into=DueWork)
    assert work is not None
    return work


def claim_due_posts(db: Database, token: UUID, rules: ClaimRules) -> Claim:
    """Take due posts of some accounts and make this run the one that works those accounts. One short transaction.

    More than one only where the accounts looked at had less to give than asked for, and others wait behind them: an
    application that schedules for many rate-limited accounts must not make a run come home empty.
    """
    claim = Claim(token=token)
    for number in range(CLAIM_PASSES):
        left = rules.batch_size - len(claim.post_ids)
        try:
            looked_at, more = _claim_once(db, token, replace(rules, batch_size=left))
        except DatabaseUnavailable:
            if not number or db.is_broken:
                raise
            break  # a lock was not free in time; what is claimed is worked
        claim.post_ids.extend(more.post_ids)
        claim.account_ids.extend(more.account_ids)
        claim.missed_ids.extend(more.missed_ids)
        if looked_at < left or len(claim.post_ids) == rules.batch_size:
            break
    return claim


def _claim_once(db: Database, token: UUID, rules: ClaimRules) -> tuple[int, Claim]:
    """How many accounts were looked at, and what they gave."""
    params = {
        "claim_token": token,
        "batch_size": rules.batch_size,
        "max_accounts": rules.batch_size,
        "look_ahead_seconds": rules.look_ahead_seconds,
        "lateness_seconds": rules.lateness_seconds,
        "catch_up_cap": rules.catch_up_cap,
        "lease_seconds": rules.lease_seconds,
        "platforms": rules.platforms,
    }

    def claim() -> tuple[int, Claim]:
        with db.transaction():
            locked = [row["id"] for row in db.rows("lock_due_accounts", params, into=dict)]
            if not locked:
                return 0, Claim(token=token)
            rows = db.rows("claim_due_posts", params | {"account_ids": locked}, into=dict)
        return len(locked), Claim(
            token=token,
            post_ids=[row["id"] for row in rows if row["claimed"]],
            account_ids=sorted({row["account_id"] for row in rows if row["claimed"]}),
            missed_ids=[row["id"] for row in rows if not row["claimed"]],
        )

    return db.retrying(claim)


def claim_unconfirmed_posts(db: Database, token: UUID, rules: ClaimRules) -> list[int]:
    """Take posts the platform is to be asked about now. A repeat that died under an elapsed lease is unknown again."""
    params = {
        "claim_token": token,
        "batch_size": rules.batch_size,
        "lease_seconds": rules.lease_seconds,
        "platforms": rules.platforms,
    }

    def claim() -> list[int]:
        with db.transaction():
            ids = [row["id"] for row in db.rows("claim_unconfirmed_posts", params, into=dict)]
            if ids:
                db.run("close_dead_resends", {"post_ids": ids})
        return ids

    return db.retrying(claim)


def read_claimed_posts(db: Database, post_ids: Sequence[int]) -> list[ClaimedPost]:
    return db.rows("read_claimed_posts", {"post_ids": list(post_ids)}, into=ClaimedPost)


def read_attempts(db: Database, post_ids: Sequence[int]) -> list[Attempt]:
    return db.rows("read_attempts", {"post_ids": list(post_ids)}, into=Attempt)


def peek_due_posts(db: Database, rules: ClaimRules) -> list[dict[str, Any]]:
    params = {
        "batch_size": rules.batch_size,
        "look_ahead_seconds": rules.look_ahead_seconds,
        "catch_up_cap": rules.catch_up_cap,
        "platforms": rules.platforms,
    }
    return db.rows("peek_due_posts", params, into=dict)


# --- leases ------------------------------------------------------------------------------------------------------


def renew_leases(
    db: Database, token: UUID, *, post_ids: Sequence[int], account_ids: Sequence[int], lease_seconds: float
) -> set[int]:
    """Returns the posts that are still ours."""
    params = {
        "claim_token": token,
        "post_ids": list(post_ids),
        "account_ids": list(account_ids),
        "lease_seconds": lease_seconds,
    }
    return {row["id"] for row in db.rows("renew_leases", params, into=dict)}


def take_accounts(
    db: Database, token: UUID, account_ids: Sequence[int], *, lease_seconds: float
) -> dict[int, bool]:
    """Whether each account may post, now that it is ours; those that other runs work are missing."""
    params = {"claim_token": token, "account_ids": list(account_ids), "lease_seconds": lease_seconds}
    return {row["id"]: row["may_post"] for row in db.rows("take_accounts", params, into=dict)}


def release_accounts(db: Database, token: UUID, account_ids: Sequence[int]) -> None:
    if account_ids:
        db.run("release_accounts", {"claim_token": token, "account_ids": list(account_ids)})


# --- one attempt -------------------------------------------------------------------------------------------------


def open_attempts(db: Database, token: UUID, drafts: Sequence[Draft]) -> list[int | None]:
    """The new attempts' ids; None for one whose post is no longer ours. One draft a post; all or none of them."""
    params = {"claim_token": token, "drafts": Jsonb([asdict(draft) for draft in drafts])}
    opened = {row["post_id"]: row["id"] for row in db.rows("open_attempts", params, into=dict)}
    return [opened.get(draft.post_id) for draft in drafts]


def save_handles(db: Database, attempt_id: int, handles: Mapping[str, Any]) -> None:
    db.run("save_handles", {"attempt_id": attempt_id, "handles": Jsonb(handles)})


def mark_prepared(
    db: Database,
    attempt_id: int,
    *,
    request: Mapping[str, Any],
    handles: Mapping[str, Any] | None,
    payload_hash: str,
) -> None:
    params = {
        "attempt_id": attempt_id,
        "request": Jsonb(request),
        "handles": None if handles is None else Jsonb(handles),
        "payload_hash": payload_hash,
    }
    db.run("mark_prepared", params)


def end_attempt(
    db: Database, attempt_id: int, *, error_class: str, error: str, retryable: bool, http_status: int | None
) -> None:
    params = {
        "attempt_id": attempt_id,
        "error_class": error_class,
        "error": error,
        "retryable": retryable,
        "http_status": http_status,
    }
    db.run("end_attempt", params)


def begin_sending(
    db: Database,
    token: UUID,
    requests: Sequence[SendRequest],
    *,
    lease_seconds: float,
    duplicate_window_seconds: float,
    breaker_per_hour: int,
) -> list[Verdict | None]:
    """The `sending` transaction of attempts that are open: durable before this returns. None must not be sent.

    Raises Conflict when another send of a step is open or its key is taken, DatabaseUnavailable when the commit was
    not acknowledged: then none may be sent, and `record_not_sent` puts them back.
    """
    params = {
        "claim_token": token,
        "post_ids": [request.post_id for request in requests],
        "revisions": [request.revision for request in requests],
        "account_ids": sorted({request.account_id for request in requests}),
        "lease_seconds": lease_seconds,
        "duplicate_window_seconds": duplicate_window_seconds,
        "breaker_per_hour": breaker_per_hour,
    }
    with db.transaction(durable=True):
        posts = {row["id"]: row["ends_early"] for row in db.rows("lock_posts_for_sending", params, into=dict)}
        if ending := [post_id for post_id, ends_early in posts.items() if ends_early]:
            renew_leases(db, token, post_ids=ending, account_ids=[], lease_seconds=lease_seconds)
        accounts = {row["id"] for row in db.rows("lock_accounts_for_sending", params, into=dict)}
        attempts = [r.attempt for r in requests if r.post_id in posts and r.account_id in accounts]
        verdicts = (
            db.rows("begin_sending", params | {"attempt_ids": attempts}, into=Verdict) if attempts else []
        )
    found = {verdict.attempt_id: verdict for verdict in verdicts}
    return [found.get(request.attempt) for request in requests if isinstance(request.attempt, int)]


# --- facts -------------------------------------------------------------------------------------------------------


def record_confirmed(db: Database, facts: Sequence[Fact]) -> list[str | None]:
    """Each post's new status; None when its fact was recorded before. All or none of them.

    Conflict: an id belongs to another step.
    """
    found = db.rows("record_confirmed", {"facts": Jsonb([asdict(fact) for fact in facts])}, into=dict)
    statuses = {row["attempt_id"]: row["status"] for row in found}
    return [statuses.get(fact.attempt_id) for fact in facts]


def record_refused(
    db: Database, attempt_id: int, *, error_class: str, error: str, retryable: bool, http_status: int | None
) -> str | None:
    """The phase it has now: refused, or unknown again if an earlier send of these bytes was."""
    params = {
        "attempt_id": attempt_id,
        "error_class": error_class,
        "error": error,
        "retryable": retryable,
        "http_status": http_status,
    }
    phase: str | None = db.value("record_refused", params)
    return phase


def record_not_sent(
    db: Database, attempt_ids: Sequence[int], *, error: str, error_class: str = "network"
) -> None:
    """Also after a `sending` commit that was not acknowledged: waits until that transaction is over."""
    params = {"attempt_ids": list(attempt_ids), "error": error, "error_class": error_class}
    with db.transaction():
        db.run("lock_attempts", params)
        db.run("record_not_sent", params)


def record_name(
    db: Database, attempt_id: int, *, remote_id: str, url: str | None, answer: Mapping[str, Any]
) -> bool:
    """Replace a provisional id. Conflict: the id belongs to another step."""
    params = {"attempt_id": attempt_id, "remote_id": remote_id, "url": url, "answer": Jsonb(answer)}
    return db.value("record_name", params) is not None


def record_unknown(
    db: Database,
    attempt_id: int,
    *,
    error: str,
    look_in_seconds: float | None,
    error_class: str | None = "unknown_outcome",
    http_status: int | None = None,
    handles: Mapping[str, Any] | None = None,
) -> bool:
    """look_in_seconds None: a person must look. error_class None: the platform took it and decides later."""
    params = {
        "attempt_id": attempt_id,
        "error": error,
        "error_class": error_class,
        "http_status": http_status,
        "look_in_seconds": look_in_seconds,
        "handles": None if handles is None else Jsonb(handles),
    }
    return db.value("record_unknown", params) is not None


# --- decisions ---------------------------------------------------------------------------------------------------


def return_post(
    db: Database,
    token: UUID,
    post_id: int,
    *,
    give_back: bool,
    retry_in_seconds: float | None = None,
    error_class: str | None = None,
    error: str | None = None,
) -> str | None:
    params = {
        "claim_token": token,
        "post_id": post_id,
        "give_back": give_back,
        "retry_in_seconds": retry_in_seconds,
        "error_class": error_class,
        "error": error,
    }
    status: str | None = db.value("return_post", params)
    return status


def fail_post(
    db: Database, token: UUID, post_id: int, *, step: int, error_class: str, error: str
) -> str | None:
    params = {
        "claim_token": token,
        "post_id": post_id,
        "step": step,
        "error_class": error_class,
        "error": error,
    }
    status: str | None = db.value("fail_post", params)
    return status


def finish_post(db: Database, token: UUID, post_id: int) -> str | None:
    status: str | None = db.value("finish_post", {"claim_token": token, "post_id": post_id})
    return status


def draw_new_key(db: Database, token: UUID, post_id: int) -> None:
    db.run("draw_new_key", {"claim_token": token, "post_id": post_id})


# --- unconfirmed posts -------------------------------------------------------------------------------------------


def postpone_look(
    db: Database,
    token: UUID,
    post_id: int,
    attempt_id: int,
    *,
    look_in_seconds: float | None,
    looked: bool = False,
    error: str | None = None,
) -> None:
    params = {
        "claim_token": token,
        "post_id": post_id,
        "attempt_id": attempt_id,
        "look_in_seconds": look_in_seconds,
        "looked": looked,
        "error": error,
    }
    db.run("postpone_look", params)


def record_absent(
    db: Database, token: UUID, attempt_id: int, *, error: str, draw_new_key: bool = False
) -> str | None:
    """The post's new status; None when the claim is no longer ours."""
    params = {"claim_token": token, "attempt_id": attempt_id, "error": error, "draw_new_key": draw_new_key}
    status: str | None = db.value("record_absent", params)
    return status


def record_failure(
    db: Database,
    token: UUID,
    attempt_id: int,
    *,
    error_class: str,
    error: str,
    retryable: bool,
    retry_in_seconds: float | None,
    give_back: bool,
) -> str | None:
    """The post's new status; None when the claim is no longer ours. retry_in_seconds None: no further try."""
    params = {
        "claim_token": token,
        "attempt_id": attempt_id,
        "error_class": error_class,
        "error": error,
        "retryable": retryable,
        "retry_in_seconds": retry_in_seconds,
        "give_back": give_back,
    }
    status: str | None = db.value("record_failure", params)
    return status


def owned_ids(db: Database, account_id: int, remote_ids: Sequence[str]) -> set[str]:
    rows = db.rows("read_owners", {"account_id": account_id, "remote_ids": list(remote_ids)}, into=dict)
    return {row["remote_id"] for row in rows}


def find_twin(db: Database, *, account_id: int, payload_hash: str | None, post_id: int) -> str | None:
    """The phase of another open post with the same words (sending, confirmed provisionally, unknown); None: none."""
    params = {"account_id": account_id, "payload_hash": payload_hash, "post_id": post_id}
    phase: str | None = db.value("find_twin", params)
    return phase


# --- recovery ----------------------------------------------------------------------------------------------------


def stuck_platforms(db: Database, *, threshold_seconds: float) -> set[str]:
    rows = db.rows("stuck_platforms", {"threshold_seconds": threshold_seconds}, into=dict)
    return {row["platform"] for row in rows}


def settle_stuck_posts(
    db: Database,
    *,
    threshold_seconds: float,
    look_in_seconds: Mapping[str, float | None],
    batch_size: int = 1000,
) -> dict[int, str]:
    """Take posts back from runs that died; returns post id -> new status.

    look_in_seconds: platform -> seconds after the send at which to ask it first; None: a person must look. Posts on
    platforms that are not in it are left alone.
    """

    def settle() -> dict[int, str]:
        with db.transaction():
            limits = {
                "threshold_seconds": threshold_seconds,
                "batch_size": batch_size,
                "platforms": list(look_in_seconds),
            }
            ids = [row["id"] for row in db.rows("lock_stuck_posts", limits, into=dict)]
            if not ids:
                return {}
            means = {"platforms": list(look_in_seconds), "look_in_seconds": list(look_in_seconds.values())}
            rows = db.rows("settle_stuck_posts", {"post_ids": ids, **means}, into=dict)
        return {row["id"]: row["status"] for row in rows}

    return db.retrying(settle)
