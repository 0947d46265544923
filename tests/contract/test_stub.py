"""stub: it logs one line, and says the same about a step however often it is asked."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from socialcron.model import Account, Confirmed, Media, Poll, PreparedStep, Ready, Step
from socialcron.platforms.base import App
from socialcron.platforms.http import Session
from socialcron.platforms.stub import Stub
from tests.contract.conftest import Wire

STUB = Stub()


@pytest.fixture
def session(wire: Wire) -> Session:
    return STUB.connect(Account(id=1, platform="stub", handle="test"), {}, App(), wire.http)


def prepared(step: Step, session: Session) -> PreparedStep:
    ready = STUB.prepare(step, session)
    assert isinstance(ready, Ready)
    return PreparedStep(number=step.number, kind=step.kind, key=step.key, request=ready.request)


def test_send_step__logs_one_line_without_the_text(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "socialcron.stub")
    everything = Step(
        number=0,
        kind="post",
        text="the body",
        media=(Media(source="cat.png"),),
        link="https://a.example/",
        poll=Poll(options=("a", "b")),
        key="K",
    )
    assert STUB.send_step(prepared(everything, session), session) == Confirmed(remote_id="stub-K")
    [record] = caplog.records
    assert record.name == "socialcron.stub"
    assert record.getMessage() == "stub_published"
    assert "the body" not in str(record.__dict__)


def test_reconcile__counts_the_line_as_posted(session: Session) -> None:
    step = prepared(Step(number=1, kind="reply", text="Hello", key="K"), session)
    found = STUB.reconcile(step, session)
    assert (found.matches, found.complete) == ((STUB.send_step(step, session),), True)


def test_choose_key__differs_by_seed() -> None:
    now = datetime.now(UTC)
    assert STUB.choose_key(b"a" * 32, now, 0) != STUB.choose_key(b"b" * 32, now, 0)


def test_validate__refuses_only_emptiness() -> None:
    steps = [
        Step(number=0, kind="post", text="x" * 100_000),
        Step(number=1, kind="reply", text=" "),
        Step(number=2, kind="reply", text="", media=(Media(source="cat.png"),)),
    ]
    assert [str(problem) for problem in STUB.validate(steps, {})] == ["thread[1]: empty, without media"]


def test_identify__is_the_account_itself(session: Session) -> None:
    assert STUB.identify(session).handle == "test"
    assert not STUB.can_refresh({})
