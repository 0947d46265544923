from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from socialcron import log, redaction


@pytest.fixture(autouse=True)
def _forget_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redaction, "_secrets", set())
    root = logging.getLogger()
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers


def test_event__is_one_json_line_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    run_id = log.setup(command="post-due", form="json")

    log.event("post_published", post_id=7, platform="mastodon", attempt=None)

    line = json.loads(capsys.readouterr().err)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "service": "socialcron",
        "command": "post-due",
        "run_id": run_id,
        "event": "post_published",
        "post_id": 7,
        "platform": "mastodon",
    }


def test_event__is_readable_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(command="post-due", form="text")

    log.event("post_failed", level=log.ERROR, post_id=7, error="it said no")

    assert 'error   [post-due] post_failed post_id=7 error="it said no"' in capsys.readouterr().err


def test_setup__obeys_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(command="post-due", level="WARNING")

    log.event("claimed")

    assert capsys.readouterr().err == ""


def test_setup__twice_does_not_double_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(command="a")
    log.setup(command="b")

    log.event("once")

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_libraries__are_heard_from_warning_on(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(command="post-due", form="json")

    logging.getLogger("httpx").info("HTTP Request: POST https://example.com?access_token=abc")
    logging.getLogger("httpcore").warning("odd")

    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["logger"] == "httpcore"


def test_registered_secrets__come_out_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(command="post-due", form="json", secrets=["s3cret-token"])

    try:
        raise ValueError("refused s3cret-token")
    except ValueError as exc:
        log.event("failed", detail="with s3cret-token", exc_info=exc)

    shown = capsys.readouterr().err
    assert "s3cret" not in shown
    assert "ValueError" in shown


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer HUSHhush.HUSH-hush",
        "Authorization: Basic SFVTSGh1c2g6SFVTSGh1c2g=",
        "https://example.com/?access_token=HUSHhush&limit=3",
        '{"refresh_token": "HUSHhush"}',
        'OAuth oauth_consumer_key="HUSHhush", oauth_signature="HUSHhush%3D"',
        "postgresql://me:HUSHhush@db/app",
        "eyJhbGciOi.HUSHhush.HUSHhush",
        "https://api.telegram.org/bot123456:HUSH-hush_1/sendMessage",
        "POST /api/v10/webhooks/1300000000000000001/HUSH-hush_1?wait=true",
        "apikey sb_secret_HUSHhush",
        "https://open-upload.tiktokapis.com/video/?upload_id=HUSHhush&upload_token=HUSHhush",
        "media 'https://bucket.example/cat.mp4?X-Amz-Expires=60&X-Amz-Signature=HUSHhush' is too large",
    ],
)
def test_redact__recognises_what_looks_like_a_token(text: str) -> None:
    assert "HUSH" not in log.redact(text)
    assert "SFVT" not in log.redact(text)
    assert log.HIDDEN in log.redact(text)


def test_redact__leaves_ordinary_words_alone() -> None:
    text = "the token of account 3 expired; basic media upload failed at https://example.com/a:b"

    assert log.redact(text) == text


def test_redact__leaves_the_address_of_a_post_alone() -> None:
    log.hide_credentials({"identifier": "ana.example", "did": "did:plc:ana", "password": "HUSHhush"})

    for url in (
        "http://localhost:3000/@ana/1",
        "https://bsky.app/profile/did:plc:ana/post/3k",
        "ana.example",
    ):
        assert log.redact(url) == url
    assert "HUSH" not in log.redact("ana.example HUSHhush")


@pytest.mark.parametrize("cut", [12, 20, 39, 40])
def test_redact__hides_what_is_left_of_a_secret_that_was_cut_to_size(cut: int) -> None:
    token = "HUSHhush" * 5
    log.hide([token])

    said = log.redact(f"it said {token[:cut]} and {token[:cut]}")

    assert said == f"it said {log.HIDDEN} and {log.HIDDEN}"


def test_redact__hides_the_form_a_secret_has_in_an_address() -> None:
    log.hide(["HUSH/hush+=1"])

    assert "HUSH" not in log.redact("GET /?q=HUSH%2Fhush%2B%3D1")


def test_redact__takes_no_address_for_another_that_begins_alike() -> None:
    log.hide(["https://hc-ping.com/0123456789abcdef"])

    assert log.redact("https://hc-ping.com/docs") == "https://hc-ping.com/docs"


def test_redact__leaves_the_public_number_alone_that_a_token_begins_with() -> None:
    log.hide(["2124475391677562880-HUSHhushHUSHhushHUSH"])

    assert log.redact("post 2124475391677562880 by 2124475391677562880-HUSHhushHUSHhu") == (
        f"post 2124475391677562880 by {log.HIDDEN}"
    )
