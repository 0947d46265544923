"""Tell those who subscribed what happened, at the end of every cron job: programs each event, people in digests.

At least once: an event is claimed, sent, and only then recorded as told. A run that dies between the last two leaves a
lease that ends, and the event is sent again under the same id.

Whoever is to be told may be slow or gone, and neither another one nor the run may wait for that: each try has a thread
of its own, which dies with the process where it must, and a run starts none after half of its time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from socialcron import log
from socialcron.batches.signals import Signals, watched_signals
from socialcron.batches.summary import Summary as BaseSummary
from socialcron.errors import ConfigError, PlatformError, Unavailable
from socialcron.settings import Settings
from socialcron.store import events
from socialcron.store.engine import Database
from socialcron.store.events import Channel, DueSubscription, Event

if TYPE_CHECKING:
    from socialcron.platforms.http import Http
    from socialcron.store.secrets import KeyRing

START_SECONDS = 10.0  # then a run starts no further try
LAST_SECONDS = 10.0  # and waits so long for those it has started
SPARE_SECONDS = 40.0  # that a lease is longer than the run
GONE = 410  # a webhook's receiver wants no more
HANDS = 4  # tries of one webhook at a time
MOST_FAILURES = 3  # in a row, and the rest of a webhook's events is left to the next run

# Seconds after each failed try; an event whose last one failed is dead. The schedule of the Standard Webhooks
# specification with one more quick try: three days, so that a receiver which broke on Friday hears of it on Monday.
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability
WAITS = tuple(float(minutes * 60) for minutes in (2, 5, 30, 120, 300, 600, 840, 1200, 1440))
MOST_TRIES = len(WAITS) + 1


@dataclass(slots=True, kw_only=True)
class Summary(BaseSummary):
    """One outcome per event and subscription."""

    OUTCOMES = ("delivered", "retried", "dead", "unanswered")
    BAD = ("retried", "dead", "unanswered")

    def as_line(self) -> str:
        return f"{self.claimed} claimed: {', '.join(self.words)}"


def run(db: Database, settings: Settings, *, start_seconds: float = START_SECONDS) -> Summary:
    """Raises DatabaseUnavailable. What cannot be delivered is data, on the delivery and its subscription."""
    summary = Summary()
    due = events.due_subscriptions(db)
    if due:
        events.bury_deliveries(db, [subscription.id for subscription in due], most_tries=MOST_TRIES)
        with watched_signals() as signals:
            _Run(db, settings, summary, signals, start_seconds).work(due)
            summary.interrupted = signals.received
    return summary


def open_address(key_ring: KeyRing, text: str, name: str) -> dict[str, str]:
    """{"url"}, of a webhook "secret", too. From here on no log and no error shows them. Raises ConfigError."""
    address = key_ring.open(
        text,
        f"the address of subscription {name!r}",
        hint=f"Put the key it was stored with back into the ring, or remove {name!r} and add it again.",
    )
    hide(address)
    return address


def hide(address: Mapping[str, str]) -> None:
    from socialcron.platforms.notifications import secrets_in

    secret = address.get("secret", "")
    log.hide([*secrets_in(address["url"]), secret, secret.removeprefix("whsec_")])


def tell_now(channel: Channel, address: Mapping[str, str], event: Event, settings: Settings) -> None:
    """A try outside the queue, for `subscriptions test`. Raises PlatformError."""
    from socialcron.platforms.http import Http

    if channel == "webhook":
        _webhook(Http(), address, event, at=event.created_at)()
    else:
        _notification(address, {event.kind: 1}, [event], settings)()


Send = Callable[[], int | None]  # for a thread: the HTTP status, if there is one


def _webhook(http: Http, address: Mapping[str, str], event: Event, *, at: datetime) -> Send:
    from socialcron.batches.wording import payload
    from socialcron.platforms import webhooks

    body = payload(event)
    return lambda: webhooks.send(
        http, address["url"], address["secret"], event_id=str(event.event_id), at=at, body=body
    )


def _notification(
    address: Mapping[str, str], counts: Mapping[str, int], shown: list[Event], settings: Settings
) -> Send:
    from socialcron.batches.wording import message
    from socialcron.platforms import notifications

    try:
        zone = settings.zone() or UTC
    except ConfigError:  # a host's TZ need not be an IANA name
        zone = UTC
    title, body = message(counts, shown, zone)
    return lambda: notifications.send(address["url"], title=title, body=body)


@dataclass(slots=True)
class _Lane:
    """One subscription within a run. over: nothing more is started for it."""

    subscription: DueSubscription
    address: Mapping[str, str]
    hands: int
    in_flight: int = 0
    delivered: int = 0  # events
    failures: int = 0  # in a row
    over: bool = False


@dataclass(frozen=True, slots=True)
class _Try:
    """What became of one. error: None if it got through."""

    lane: _Lane
    token: UUID
    count: int
    http_status: int | None
    error: PlatformError | None


class _Run:
    def __init__(
        self, db: Database, settings: Settings, summary: Summary, signals: Signals, start_seconds: float
    ) -> None:
        from socialcron.platforms.http import Http
        from socialcron.store.secrets import KeyRing

        self._db = db
        self._settings = settings
        self._summary = summary
        self._signals = signals
        self._start_until = time.monotonic() + start_seconds
        self._end_at = self._start_until + LAST_SECONDS
        self._lease_seconds = start_seconds + LAST_SECONDS + SPARE_SECONDS
        self._key_ring = KeyRing(settings.secret_key)
        self._http = Http()
        self._done: SimpleQueue[_Try] = SimpleQueue()
        self._open: dict[UUID, int] = {}  # token -> events of a try that has not come back

    def work(self, due: list[DueSubscription]) -> None:
        lanes = [lane for subscription in due if (lane := self._lane(subscription))]
        self._signals.call(self._hurry)
        self._start(lanes)
        while self._open and (left := self._end_at - time.monotonic()) > 0:
            try:
                done = self._done.get(timeout=min(left, 0.5))  # a signal wakes nobody
            except Empty:
                continue
            self._settle(done)
            self._start(lanes)
        for lane in lanes:
            if lane.delivered:
                log.event("events_delivered", subscription=lane.subscription.name, events=lane.delivered)
        if self._open:  # they hang; their leases end, and that was a try
            self._summary.outcomes["unanswered"] += sum(self._open.values())
        else:
            self._http.close()

    def _hurry(self) -> None:
        """A signal came: those who have not answered by then may do so to the next run."""
        self._end_at = min(self._end_at, time.monotonic() + LAST_SECONDS)

    def _lane(self, subscription: DueSubscription) -> _Lane | None:
        try:
            address = open_address(self._key_ring, subscription.address, subscription.name)
        except ConfigError as exc:
            log.event("delivery_failed", level=log.ERROR, subscription=subscription.name, error=exc.message)
            return None
        return _Lane(subscription, address, HANDS if subscription.channel == "webhook" else 1)

    def _start(self, lanes: list[_Lane]) -> None:
        """Give every free hand something to do, turn by turn."""
        busy = True
        while busy:
            busy = False
            for lane in lanes:
                if self._signals.received or time.monotonic() >= self._start_until:
                    return
                if not lane.over and lane.in_flight < lane.hands:
                    busy |= self._take(lane)

    def _take(self, lane: _Lane) -> bool:
        """Claim something for this lane and begin to send it. False: there is nothing left."""
        token = uuid4()
        claim = self._claim_event if lane.subscription.channel == "webhook" else self._claim_digest
        send, count = claim(lane, token)
        if send is None:
            lane.over = True
            return False
        lane.in_flight += 1
        self._open[token] = count
        # Not a pool: its threads are waited for at the end of the process.
        threading.Thread(target=self._try, args=(lane, token, count, send), daemon=True).start()
        return True

    def _claim_event(self, lane: _Lane, token: UUID) -> tuple[Send | None, int]:
        claimed = events.claim_delivery(
            self._db, lane.subscription.id, token, lease_seconds=self._lease_seconds, most_tries=MOST_TRIES
        )
        if claimed is None:
            return None, 0
        return _webhook(self._http, lane.address, claimed, at=claimed.claimed_at), 1

    def _claim_digest(self, lane: _Lane, token: UUID) -> tuple[Send | None, int]:
        from socialcron.batches.wording import SHOWN

        number = lane.subscription.id
        counts = events.claim_digest(
            self._db, number, token, lease_seconds=self._lease_seconds, most_tries=MOST_TRIES
        )
        if not counts:
            return None, 0
        shown = events.read_claimed_events(self._db, number, token, limit=SHOWN)
        return _notification(lane.address, counts, shown, self._settings), sum(counts.values())

    def _try(self, lane: _Lane, token: UUID, count: int, send: Send) -> None:
        """In a thread of its own, away from the database."""
        http_status, error = None, None
        try:
            http_status = send()
        except PlatformError as exc:
            http_status, error = exc.http_status, exc
        except Exception as exc:  # of a plugin, say; the next try may fare better
            error = Unavailable(f"{type(exc).__name__}: {exc}")
        self._done.put(_Try(lane, token, count, http_status, error))

    def _settle(self, done: _Try) -> None:
        lane, number, name = done.lane, done.lane.subscription.id, done.lane.subscription.name
        lane.in_flight -= 1
        del self._open[done.token]
        if done.error is None:
            lane.failures = 0
            events.record_delivered(self._db, number, done.token, http_status=done.http_status)
            lane.delivered += done.count
            self._summary.outcomes["delivered"] += done.count
            return
        lane.failures += 1
        error = log.redact(done.error.message)[:500]
        waiting, dead = events.postpone_deliveries(
            self._db,
            number,
            done.token,
            waits=WAITS,
            retry_after=done.error.retry_after,
            http_status=done.http_status,
            error=error,
        )
        self._summary.outcomes["retried"] += waiting
        self._summary.outcomes["dead"] += dead
        if done.http_status == GONE:
            events.disable_subscription(self._db, number, error=error)
            log.event("subscription_disabled", level=log.WARNING, subscription=name, error=error)
        lane.over |= lane.failures >= MOST_FAILURES or done.http_status == GONE
        log.event(
            "delivery_failed",
            level=log.WARNING,
            subscription=name,
            events=done.count,
            dead=dead or None,
            http_status=done.http_status,
            error=error,
        )
