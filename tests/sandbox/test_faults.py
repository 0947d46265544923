from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from socialcron.sandbox import Sandbox, parse_faults
from socialcron.sandbox.faults import KINDS


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sandbox-alice"}
    with httpx.Client(base_url=sandbox.url("mastodon"), headers=headers, timeout=5) as client:
        yield client


def post(client: httpx.Client, text: str = "hello", key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/statuses", json={"status": text}, headers=headers)


def texts(sandbox: Sandbox) -> list[str]:
    return [item["text"] for item in sandbox.posts("mastodon")]


@pytest.mark.parametrize(
    ("kind", "error", "posted"),
    [
        ("accept_then_drop", httpx.RemoteProtocolError, True),
        ("reset", httpx.ReadError, True),
        ("half_answer", httpx.RemoteProtocolError, True),
        ("drop_before", httpx.RemoteProtocolError, False),
    ],
)
def test_lost_answer(
    sandbox: Sandbox, client: httpx.Client, kind: str, error: type[Exception], posted: bool
) -> None:
    rule = sandbox.fault(kind, count=1)
    with pytest.raises(error):
        post(client)
    assert texts(sandbox) == (["hello"] if posted else [])
    assert rule.fired == 1
    assert post(client, "again").status_code == 200


def test_performed__turns_a_lost_answer_into_a_lost_request(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("reset", performed=False)
    with pytest.raises(httpx.TransportError):
        post(client)
    assert texts(sandbox) == []


def test_performed__makes_an_error_lie(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("5xx", performed=True, status=502)
    assert post(client).status_code == 502
    assert texts(sandbox) == ["hello"]


def test_429__comes_with_the_platforms_headers_and_without_a_post(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    sandbox.fault("429", retry_after=30)
    answer = post(client)
    assert (answer.status_code, answer.json()) == (429, {"error": "Too many requests"})
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert answer.headers["X-RateLimit-Reset"].endswith("Z")
    assert texts(sandbox) == []


def test_5xx__is_503_in_the_platforms_form_and_without_a_post(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("5xx")
    answer = post(client)
    assert (answer.status_code, answer.json()) == (503, {"error": "Service Unavailable"})
    assert texts(sandbox) == []


def test_html__is_a_proxys_page(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("html", count=1)
    sandbox.fault("html", status=200)
    for expected in (502, 200):
        answer = post(client)
        assert answer.status_code == expected
        assert answer.headers["content-type"].startswith("text/html")
    assert texts(sandbox) == []


def test_empty_body__keeps_the_status(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("empty_body")
    answer = post(client)
    assert (answer.status_code, answer.content) == (200, b"")
    assert texts(sandbox) == ["hello"]


def test_truncated_json__is_a_whole_answer_with_half_a_document(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    sandbox.fault("truncated_json")
    answer = post(client)
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()
    assert texts(sandbox) == ["hello"]


def test_huge_body__is_ten_megabytes(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("huge_body")
    assert len(post(client).content) > 10_000_000
    assert texts(sandbox) == ["hello"]


def test_slow__acts_even_if_the_client_has_gone(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("slow", seconds=0.2)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/api/v1/statuses", json={"status": "late"}, timeout=0.05)
    assert texts(sandbox) == []
    wait_until(lambda: texts(sandbox) == ["late"])


def test_slow__goes_together_with_another_fault(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("slow", seconds=0.1)
    sandbox.fault("accept_then_drop")
    started = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        post(client)
    assert time.monotonic() - started >= 0.1
    assert texts(sandbox) == ["hello"]


def test_late_arrival__closes_now_and_acts_later(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("late_arrival", seconds=0.1, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        post(client)
    assert (texts(sandbox), sandbox.state()["late_pending"]) == ([], 1)
    wait_until(lambda: sandbox.state()["late_pending"] == 0)
    assert texts(sandbox) == ["hello"]


def test_late_arrival__may_answer_504_and_keeps_its_key(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("late_arrival", seconds=0.1, status=504, count=1)
    assert post(client, key="k").status_code == 504
    assert post(client, key="k").status_code == 200  # overtakes the late one
    wait_until(lambda: sandbox.state()["late_pending"] == 0)
    assert texts(sandbox) == ["hello"]


def test_lagging_listing__hides_a_new_post_for_some_listings(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("lagging_listing", looks=2, count=1)
    made = post(client).json()
    path = f"/api/v1/accounts/{made['account']['id']}/statuses"
    assert [len(client.get(path).json()) for _ in range(3)] == [0, 0, 1]
    assert client.get(f"/api/v1/statuses/{made['id']}").status_code == 200


def test_lagging_listing__hides_a_new_post_for_some_time(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("lagging_listing", seconds=60)
    path = f"/api/v1/accounts/{post(client).json()['account']['id']}/statuses"
    assert client.get(path).json() == []
    sandbox.advance(60)
    assert len(client.get(path).json()) == 1


def test_expired_token__on_a_platform_whose_tokens_do_not_end_hits_one_request(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    sandbox.fault("expired_token", count=1)
    assert post(client).status_code == 401
    assert post(client).status_code == 200


def test_key_ignored__makes_a_second_post(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("key_ignored", count=2)
    post(client, key="k")
    post(client, key="k")
    assert texts(sandbox) == ["hello", "hello"]


def test_matching__by_platform_account_method_path_and_visibility(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    for rule in (
        {"platform": "x"},
        {"account": "bob"},
        {"method": "GET", "visible_only": True},
        {"path": "media$"},
        {"probability": 0.0},
        {"count": 0},
    ):
        sandbox.fault("5xx", **rule)
    assert post(client).status_code == 200
    assert client.get("/api/v2/instance").status_code == 200
    sandbox.fault(
        "5xx", platform="mastodon", account="alice", method="POST", path="^/api/v1/st", visible_only=True
    )
    assert client.get("/api/v2/instance").status_code == 200
    assert post(client).status_code == 503


def test_matching__knows_an_account_at_its_first_request(sandbox: Sandbox) -> None:
    sandbox.fault("5xx", account="new")
    headers = {"Authorization": "Bearer sandbox-new"}
    for path in ("/mastodon/api/v1/accounts/verify_credentials", "/x/2/users/me"):
        assert httpx.get(sandbox.base_url + path, headers=headers).status_code == 503
    session = sandbox.url("bluesky") + "/xrpc/com.atproto.server.createSession"
    assert httpx.post(session, json={"identifier": "new", "password": "sandbox-1"}).status_code == 503


def test_rules__fire_in_order(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("5xx", count=1)
    sandbox.fault("429", count=1)
    assert [post(client).status_code for _ in range(3)] == [503, 429, 200]


def test_probability__follows_the_seed() -> None:
    def outcomes(seed: int) -> list[int]:
        with Sandbox.start(seed=seed) as sandbox, httpx.Client(base_url=sandbox.url("mastodon")) as client:
            sandbox.fault("5xx", probability=0.5)
            return [client.get("/api/v2/instance").status_code for _ in range(20)]

    assert outcomes(7) == outcomes(7)
    assert set(outcomes(7)) == {200, 503}


def test_parse_faults__lets_a_platform_hold_for_what_follows() -> None:
    rules = parse_faults("5xx=0.1, mastodon:drop=0.05,late=0.02@5,x:429=1")
    assert [(rule.platform, rule.kind, rule.probability, rule.seconds) for rule in rules] == [
        (None, "5xx", 0.1, 0.0),
        ("mastodon", "accept_then_drop", 0.05, 0.0),
        ("mastodon", "late_arrival", 0.02, 5.0),
        ("x", "429", 1.0, 0.0),
    ]


@pytest.mark.parametrize("text", ["drop", "drop=often", "earthquake=0.1", "drop=1.5", "drop=0.1@soon"])
def test_parse_faults__refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_faults(text)


def test_every_kind_is_tested_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in source] == []


def wait_until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Ask again and again until `true()` is; fails after `seconds`."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        pause.wait(0.01)
