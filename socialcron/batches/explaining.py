"""Why a post is not out: exactly one reason, and what to do about it. Pure.

Of several reasons the one a person has to remove comes first; time and queue come last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from socialcron.batches.connecting import way_to_reconnect
from socialcron.settings import Settings
from socialcron.store.inspection import PostFacts

TICK_SECONDS = 90  # cron fires each minute; later than this, something is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings that decide when a post goes out."""

    lateness: timedelta
    stuck_after: timedelta
    breaker_per_hour: int
    catch_up_cap: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """`code` is for scripts and stays the same. `until`: when it changes by itself; None: not by itself."""

    code: str
    message: str
    advice: str
    until: datetime | None = None


def rules_of(settings: Settings) -> Rules:
    return Rules(
        lateness=timedelta(hours=settings.lateness_hours),
        stuck_after=timedelta(minutes=settings.stuck_threshold_minutes),
        breaker_per_hour=settings.breaker_per_hour,
        catch_up_cap=settings.catch_up_cap,
    )


def explain(post: PostFacts, rules: Rules, *, show: Callable[[datetime], str]) -> Reason:
    """`show` renders a moment for the message."""
    match post.status:
        case "scheduled":
            return _scheduled(post, rules, show)
        case "processing":
            return _processing(post, rules, show)
        case "unconfirmed":
            return _unconfirmed(post, rules, show)
        case "posted":
            return _posted(post, show)
        case "failed":
            return _failed(post)
        case "missed":
            return Reason(
                code="missed",
                message=f"It was due {show(post.due_at)}, and no run looked at it within {_hours(rules.lateness)} "
                "(SOCIALCRON_LATENESS_HOURS); so late it was not sent.",
                advice=f"Send it now with `socialcron posts retry {post.id}`, or give it another time: "
                f"`socialcron posts reschedule {post.id} --at WHEN`.",
            )
        case "cancelled":
            return Reason(
                code="cancelled",
                message="It was cancelled.",
                advice=f"Nothing to do. `socialcron posts retry {post.id}` brings it back.",
            )
    return Reason(
        code="unknown_status",
        message=f"Its status is {post.status!r}, which this release does not know.",
        advice="Look at it with the release that wrote it.",
    )


def _scheduled(post: PostFacts, rules: Rules, show: Callable[[datetime], str]) -> Reason:
    account = f"{post.platform} account {post.account_id}"
    if not post.has_content:
        return Reason(
            code="empty",
            message="It says nothing yet: no text, no media, no poll.",
            advice=f"Fill it: `socialcron posts edit {post.id} --text ...`.",
        )
    if not post.approved:
        return Reason(
            code="draft",
            message="It is a draft and waits for approval.",
            advice=f"Approve it: `socialcron posts approve {post.id}`.",
        )
    if post.held:
        return Reason(
            code="held", message="It is held.", advice=f"Let it go: `socialcron posts release {post.id}`."
        )
    if stopped := _account_stopped(post, account):
        return stopped
    if not post.autopost_enabled:
        return Reason(
            code="autopost_off",
            message=f"Autopost is switched off for {account}.",
            advice=f"Switch it on: `socialcron accounts enable {post.account_id}`.",
        )
    blocked = post.blocked_until is not None and post.blocked_until > max(post.now, post.due_at)
    if post.retry_at is not None and post.retry_at > post.now and not blocked:
        return _put_off(post, rules, show)
    if blocked:
        assert post.blocked_until is not None
        return Reason(
            code="rate_limited",
            message=f"{post.platform} accepts nothing from {account} until {show(post.blocked_until)}.",
            advice="Nothing to do; it goes out after that. `socialcron status` shows the limits.",
            until=post.blocked_until,
        )
    if post.due_at > post.now:
        return Reason(
            code="not_due",
            message=f"Its time has not come: it is due {show(post.due_at)}.",
            advice=f"Nothing to do. Another time: `socialcron posts reschedule {post.id} --at WHEN`.",
            until=post.due_at,
        )
    if not post.claimed_before and _ready_at(post) < post.now - rules.lateness:
        return Reason(
            code="too_late",
            message=f"It was due {show(post.due_at)}, more than {_hours(rules.lateness)} ago: "
            "the next run marks it as missed.",
            advice=f"Send it all the same: `socialcron posts reschedule {post.id} --at now`.",
        )
    return _in_the_queue(post, rules, show)


def _put_off(post: PostFacts, rules: Rules, show: Callable[[datetime], str]) -> Reason:
    assert post.retry_at is not None
    now_please = f"Nothing to do; at once: `socialcron posts retry {post.id}`."
    if post.error_class == "rate_limited":
        return Reason(
            code="rate_limited",
            message=f"{post.platform} asked us to wait until {show(post.retry_at)}: {_said(post.last_error)}",
            advice="Nothing to do; it goes out after that.",
            until=post.retry_at,
        )
    if post.sends_last_hour >= rules.breaker_per_hour:
        return Reason(
            code="breaker",
            message=f"{post.sends_last_hour} posts of this account went out within an hour, which looks like a mistake "
            f"(SOCIALCRON_BREAKER_PER_HOUR is {rules.breaker_per_hour}); it waits until {show(post.retry_at)}.",
            advice="If all of them are meant, raise SOCIALCRON_BREAKER_PER_HOUR.",
            until=post.retry_at,
        )
    return Reason(
        code="backoff",
        message=(
            f"Try {post.attempt} of {post.max_attempts} failed" if post.attempt else "It could not be tried"
        )
        + f" ({_said(post.last_error)}); the next one is {show(post.retry_at)}.",
        advice=now_please,
        until=post.retry_at,
    )


def _in_the_queue(post: PostFacts, rules: Rules, show: Callable[[datetime], str]) -> Reason:
    """Nothing keeps it but that no run has taken it."""
    waiting_seconds = (post.now - _ready_at(post)).total_seconds()
    untouched_seconds = (post.now - max(_ready_at(post), post.heartbeat_at or post.due_at)).total_seconds()
    if untouched_seconds < TICK_SECONDS:
        return Reason(
            code="next_run",
            message="It is due, and the next run of post-due takes it.",
            advice="Nothing to do if cron runs `socialcron post-due` each minute.",
        )
    if post.last_run_at is None or (post.now - post.last_run_at).total_seconds() > TICK_SECONDS * 2:
        seen = f"since {show(post.last_run_at)}" if post.last_run_at else "ever"
        return Reason(
            code="no_run",
            message=f"It is due, but no run of post-due has been seen {seen}.",
            advice="Check that cron runs `socialcron post-due` each minute, with this DATABASE_URL; "
            "`socialcron post-due` does one run now.",
        )
    if post.account_busy:
        return Reason(
            code="account_busy",
            message="Another run works its account at this moment.",
            advice="Nothing to do; a run that died gives the account back within SOCIALCRON_LEASE_SECONDS.",
        )
    if post.ahead:
        many = f"{post.ahead} posts" if post.ahead < 1000 else "1000 posts or more"
        return Reason(
            code="backlog",
            message=f"{many} of its account were due earlier and go first; "
            f"a run takes {rules.catch_up_cap} of an account at most.",
            advice="Nothing to do, or raise SOCIALCRON_CATCH_UP_CAP.",
        )
    return Reason(
        code="passed_over",
        message=f"It has been due for {round(waiting_seconds)} s, and runs end without taking it.",
        advice="A run takes --limit posts at most and, with --platform, only those; "
        f"check the crontab. `socialcron post-due --platform {post.platform}` takes it now.",
    )


def _processing(post: PostFacts, rules: Rules, show: Callable[[datetime], str]) -> Reason:
    if post.in_work and post.cancel_requested:
        return Reason(
            code="cancel_requested",
            message="A run holds it and was asked to cancel it; it will not be sent unless it is being sent just now.",
            advice=f"Look again in a minute: `socialcron posts show {post.id}`.",
        )
    if post.in_work:
        early = post.due_at > post.now
        return Reason(
            code="in_work",
            message=f"A run has prepared it and sends it {show(post.due_at)}."
            if early
            else "A run is publishing it now.",
            advice="Nothing to do.",
            until=post.due_at if early else None,
        )
    back_at = post.heartbeat_at + rules.stuck_after if post.heartbeat_at else post.now
    return Reason(
        code="stuck",
        message="The run that held it died"
        + (f"; its last sign of life was {show(post.heartbeat_at)}." if post.heartbeat_at else "."),
        advice=f"The first run after {show(back_at)} takes it back; at once: "
        "`socialcron reset-stuck --threshold-minutes 0`.",
        until=back_at,
    )


def _unconfirmed(post: PostFacts, rules: Rules, show: Callable[[datetime], str]) -> Reason:
    """Its outcome is unknown; whether it is out is found out by asking, never by sending again."""
    by_hand = f"`socialcron posts resolve {post.id} --posted URL | --failed | --retry`"
    unknown = f"Nobody knows yet whether it is out: {_said(post.last_error)}"
    if post.in_work:
        return Reason(
            code="looking",
            message="A run is asking the platform about it right now.",
            advice="Nothing to do.",
        )
    if post.reconcile_at is None:
        return Reason(
            code="needs_you",
            message=f"{unknown} {post.platform} cannot tell us for certain.",
            advice=f"Look at the account, then say what you saw: {by_hand}.",
        )
    if stopped := _account_stopped(post, f"{post.platform} account {post.account_id}"):
        return Reason(
            code="unconfirmed",
            message=f"{unknown} It cannot be looked up: {stopped.message}",
            advice=f"{stopped.advice} Or look yourself: {by_hand}.",
        )
    look_at = max(moment for moment in (post.reconcile_at, post.blocked_until) if moment is not None)
    asked = (
        f"The platform is asked {show(look_at)}." if look_at > post.now else "The next run asks the platform."
    )
    if post.error_class is None:
        return Reason(
            code="accepted",
            message=f"{_said(post.last_error)} {asked}",
            advice="Nothing to do while post-due runs each minute.",
            until=look_at if look_at > post.now else None,
        )
    return Reason(
        code="unconfirmed",
        message=f"{unknown} {asked}",
        advice=f"Nothing to do while post-due runs each minute. If you know better: {by_hand}.",
        until=look_at if look_at > post.now else None,
    )


def _posted(post: PostFacts, show: Callable[[datetime], str]) -> Reason:
    where = f" ({post.url})" if post.url else ""
    if post.incomplete_at_step is not None:
        return Reason(
            code="incomplete",
            message=f"It is out{where}, but stopped at step {post.incomplete_at_step}: {_said(post.last_error)}",
            advice=f"Continue there: `socialcron posts retry {post.id}`.",
        )
    when = f" since {show(post.posted_at)}" if post.posted_at else ""
    return Reason(code="posted", message=f"It is out{when}{where}.", advice="Nothing to do.")


def _failed(post: PostFacts) -> Reason:
    retry = f"`socialcron posts retry {post.id}`"
    advice = {
        "rate_limited": f"Once the limit is over: {retry}.",
        "network": f"{post.platform} could not be reached. Once it can: {retry}.",
        "auth_expired": f"Give the account new credentials: {way_to_reconnect(post.platform, post.account_id)}; "
        f"then {retry}.",
        "duplicate": f"If it is meant to appear again: `socialcron posts retry {post.id} --force`.",
        "invalid_content": f"Change it: `socialcron posts edit {post.id} --text ...`; then {retry}.",
        "platform_error": f"See what {post.platform} said; if that has passed: {retry}.",
        "unknown_outcome": f"Look whether it is on {post.platform}. If it is not: {retry}.",
    }
    return Reason(
        code="failed",
        message=f"It failed at try {post.attempt} of {post.max_attempts}"
        f"{f', as {post.error_class}' if post.error_class else ''}: {_said(post.last_error)}",
        advice=advice.get(post.error_class or "", f"Try again: {retry}."),
    )


def _account_stopped(post: PostFacts, account: str) -> Reason | None:
    if post.account_status == "disabled":
        return Reason(
            code="account_disabled",
            message=f"{account} is disabled.",
            advice=f"Switch it on: `socialcron accounts enable {post.account_id}`.",
        )
    if post.account_status == "needs_reconnect":
        return Reason(
            code="needs_reconnect",
            message=f"{account} needs new credentials: {_said(post.account_error)}",
            advice=f"Give it some: {way_to_reconnect(post.platform, post.account_id)}.",
        )
    return None


def _ready_at(post: PostFacts) -> datetime:
    """Since when nothing but a run is wanting: neither its time, nor a wait of its own, nor a limit of its account."""
    return max(moment for moment in (post.due_at, post.retry_at, post.blocked_until) if moment is not None)


def _said(error: str | None) -> str:
    text = (error or "no reason is on record").strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"
