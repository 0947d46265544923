from __future__ import annotations

import concurrent.futures
import os
import socket
from collections.abc import Iterator

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.server import PLATFORMS, PROVIDERS


@pytest.fixture
def raw(sandbox: Sandbox) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as sock:
        yield sock


def status(sandbox: Sandbox, text: str, account: str = "alice", **headers: str) -> httpx.Response:
    return httpx.post(
        sandbox.url("mastodon") + "/api/v1/statuses",
        json={"status": text},
        headers={"Authorization": f"Bearer sandbox-{account}", **headers},
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_start__refuses_every_address_but_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback addresses only"):
        Sandbox.start(host=host)


def test_start__listens_on_ipv6_loopback() -> None:
    with Sandbox.start(host="::1") as sandbox:
        assert sandbox.url("x") == f"http://[::1]:{sandbox.port}/x"
        assert httpx.get(sandbox.control_url + "/state").status_code == 200


def test_stop__closes_the_port_and_open_connections() -> None:
    with Sandbox.start() as sandbox, httpx.Client() as client:
        client.get(sandbox.control_url + "/state")
        sandbox.stop()
        with pytest.raises(httpx.TransportError):
            client.get(sandbox.control_url + "/state")


def test_connection__is_kept_for_many_requests(raw: socket.socket) -> None:
    for _ in range(3):
        raw.sendall(b"GET /mastodon/api/v2/instance HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_connection__takes_requests_in_pieces_and_pipelined(raw: socket.socket) -> None:
    request = b"GET /mastodon/api/v2/instance HTTP/1.1\r\nHost: x\r\n\r\n"
    raw.sendall(request[:20])
    raw.sendall(request[20:] + request)
    answers = b""
    while answers.count(b"HTTP/1.1 200 OK") < 2:
        answers += raw.recv(65536)


def test_connection__takes_chunked_bodies(sandbox: Sandbox) -> None:
    pieces = (piece for piece in (b'{"status": ', b'"in pieces"}'))
    headers = {"Authorization": "Bearer sandbox-alice", "Content-Type": "application/json"}
    answer = httpx.post(sandbox.url("mastodon") + "/api/v1/statuses", content=pieces, headers=headers)
    assert answer.status_code == 200
    assert sandbox.posts("mastodon")[0]["text"] == "in pieces"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /x/2/tweets HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /x/2/tweets HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_connection__answers_what_is_not_http_with_400_and_ends(
    raw: socket.socket, request_bytes: bytes
) -> None:
    raw.sendall(request_bytes)
    assert raw.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert raw.recv(65536) == b""


def test_unknown_platform__is_404_and_names_those_there_are(sandbox: Sandbox) -> None:
    answer = httpx.get(sandbox.base_url + "/friendster/")
    assert answer.status_code == 404
    assert "mastodon-nokey" in answer.text


@pytest.mark.parametrize("platform", ["mastodon", "bluesky", "x"])
def test_unknown_path__is_404_in_the_platforms_form(sandbox: Sandbox, platform: str) -> None:
    answer = httpx.get(sandbox.url(platform) + "/nothing")
    assert answer.status_code == 404
    assert answer.json()


def test_get__with_a_body_is_refused(sandbox: Sandbox) -> None:
    answer = httpx.request("GET", sandbox.url("mastodon") + "/api/v2/instance", content=b"{}")
    assert answer.status_code == 400


def test_state__counts_posts_requests_and_answers(sandbox: Sandbox) -> None:
    status(sandbox, "one")
    status(sandbox, "one", account="bob")
    status(sandbox, "")
    state = httpx.get(sandbox.control_url + "/state").json()
    assert state == sandbox.state()
    assert set(state["platforms"]) == set(PLATFORMS | PROVIDERS)
    mastodon = state["platforms"]["mastodon"]
    assert mastodon["posts_by_text"] == {"one": 2}
    assert [account["handle"] for account in mastodon["accounts"]] == ["alice", "bob"]
    assert [post["account"] for post in mastodon["posts"]] == ["alice", "bob"]
    assert mastodon["requests"] == {"POST /api/v1/statuses": 3}
    assert mastodon["answers"] == {"POST /api/v1/statuses 200": 2, "POST /api/v1/statuses 422": 1}
    one = httpx.get(sandbox.control_url + "/state", params={"platform": "x"}).json()
    assert list(one["platforms"]) == ["x"]


def test_state__is_exact_under_parallel_posts(sandbox: Sandbox) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: status(sandbox, f"post {n}", f"a{n % 4}"), range(80)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 80
    state = sandbox.state("mastodon")["platforms"]["mastodon"]
    assert state["posts_by_text"] == {f"post {n}": 1 for n in range(80)}
    assert state["requests"] == {"POST /api/v1/statuses": 80}
    assert len(state["accounts"]) == 4


def test_control__makes_accounts_for_child_processes(sandbox: Sandbox) -> None:
    made = httpx.post(
        sandbox.control_url + "/accounts", json={"platform": "mastodon", "handle": "alice"}
    ).json()
    assert made["base_url"] == sandbox.url("mastodon")
    token = made["credentials"]["access_token"]
    answer = httpx.get(
        made["base_url"] + "/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {token}"}
    ).json()
    assert (answer["id"], answer["username"]) == (made["external_id"], "alice")


def test_control__sets_adds_and_clears_faults(sandbox: Sandbox) -> None:
    faults = sandbox.control_url + "/faults"
    httpx.post(faults, json={"kind": "5xx", "platform": "x"})
    listed = httpx.post(faults, json={"text": "mastodon:drop=0.5"}).json()["faults"]
    assert [(rule["kind"], rule["platform"]) for rule in listed] == [
        ("5xx", "x"),
        ("accept_then_drop", "mastodon"),
    ]
    listed = httpx.post(faults, json=[{"kind": "429"}]).json()["faults"]
    assert [rule["kind"] for rule in listed] == ["429"]
    assert httpx.post(faults, json=[]).json()["faults"] == []


@pytest.mark.parametrize(
    ("path", "document", "says"),
    [
        ("faults", {"kind": "earthquake"}, "unknown fault 'earthquake'"),
        ("faults", {"kind": "5xx", "colour": 1}, "unknown key 'colour'"),
        ("faults", {"kind": "5xx", "platform": "myspace"}, "unknown platform 'myspace'"),
        ("faults", {"kind": "5xx", "path": "("}, "not a regular expression"),
        ("faults", {"kind": "5xx", "probability": 2}, "not between 0 and 1"),
        ("faults", 7, ""),
        ("accounts", {"platform": "myspace"}, "unknown platform"),
        ("accounts", {"platform": "x", "auth": "oauth3"}, "oauth1 or oauth2"),
        ("settings", {"platform": "x", "colour": 1}, "no switch 'colour'"),
        ("advance", {}, "seconds"),
    ],
)
def test_control__says_what_is_wrong(sandbox: Sandbox, path: str, document: object, says: str) -> None:
    answer = httpx.post(f"{sandbox.control_url}/{path}", json=document)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


@pytest.mark.parametrize("platform", ["mastodon", "bluesky", "x"])
def test_text__that_is_no_text_is_refused(sandbox: Sandbox, platform: str) -> None:
    token, path = "sandbox-alice", {"mastodon": "/api/v1/statuses", "x": "/2/tweets"}.get(platform)
    if path is None:
        path = "/xrpc/com.atproto.repo.createRecord"
        token = sandbox.account("bluesky", session=True)["credentials"]["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = httpx.post(sandbox.url(platform) + path, content=b'{"text": "\\ud800"}', headers=headers)
    assert answer.status_code == 400
    assert sandbox.state()["bugs"] == []


def test_bug_of_the_sandbox__is_reported_in_its_state(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.platforms["mastodon"], "answer", None)
    with pytest.raises(httpx.RemoteProtocolError):
        status(sandbox, "one")
    assert "TypeError" in sandbox.state()["bugs"][0]


def test_reset__forgets_everything(sandbox: Sandbox) -> None:
    status(sandbox, "one")
    sandbox.fault("5xx")
    sandbox.advance(100)
    httpx.post(sandbox.control_url + "/reset")
    assert sandbox.posts("mastodon") == []
    assert sandbox.state()["faults"] == []
    assert sandbox.clock.ahead_seconds == 0


def test_limits__can_be_lifted(sandbox: Sandbox) -> None:
    sandbox.settings("mastodon", limited=False)
    with httpx.Client(base_url=sandbox.url("mastodon")) as client:
        answers = [client.get("/api/v2/instance") for _ in range(301)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[-1].headers["X-RateLimit-Remaining"] == "300"


def test_fork__leaves_no_copy_of_the_port_in_the_child(sandbox: Sandbox) -> None:
    """Nor of a connection: a dropped one would live on until the child ends, and its client would wait."""
    with httpx.Client() as client:
        client.get(sandbox.control_url + "/state")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(writing)
                os.read(reading, 1)  # until the parent is done
            finally:
                os._exit(0)
        os.close(reading)
        try:
            sandbox.stop()
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", sandbox.port), timeout=5)
        finally:
            os.close(writing)
            os.waitpid(child, 0)
