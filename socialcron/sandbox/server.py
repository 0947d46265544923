"""The sandbox's server: connections, faults, and the control endpoints below /_sandbox/.

GET  /_sandbox/state[?platform=NAME]  accounts, posts, counts of requests and answers; faults; late ones to come
POST /_sandbox/accounts               {"platform", "handle"?, ...options of the platform} -> as `Sandbox.account`
POST /_sandbox/faults                 one fault, a list of them ([] clears), or {"text": "mastodon:drop=0.05"}
POST /_sandbox/advance                {"seconds"}: the sandbox's clock jumps ahead
POST /_sandbox/settings               {"platform", NAME: value}: switches of a platform (`Platform.switches`)
POST /_sandbox/reset                  forget everything: accounts, posts, counts, faults, time
"""

from __future__ import annotations

import ipaddress
import itertools
import mimetypes
import os
import socket
import threading
import traceback
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from socialcron.sandbox.bluesky import Bluesky
from socialcron.sandbox.discord import Discord
from socialcron.sandbox.facebook import Facebook
from socialcron.sandbox.faults import (
    HUGE_BYTES,
    KINDS,
    MODIFIERS,
    Fault,
    Faults,
    fault_from,
    parse_faults,
)
from socialcron.sandbox.frame import Clock, Platform, Route
from socialcron.sandbox.google_business import GoogleBusiness
from socialcron.sandbox.instagram import Instagram
from socialcron.sandbox.linkedin import LinkedIn
from socialcron.sandbox.mastodon import Mastodon, MastodonNoKey
from socialcron.sandbox.pinterest import Pinterest
from socialcron.sandbox.scrapecreators import ScrapeCreators
from socialcron.sandbox.supabase import Supabase
from socialcron.sandbox.telegram import Telegram
from socialcron.sandbox.threads import Threads
from socialcron.sandbox.tiktok import TikTok
from socialcron.sandbox.wire import Connection, Reply, Request, Unreadable
from socialcron.sandbox.x import X
from socialcron.sandbox.youtube import YouTube

PLATFORMS: dict[str, type[Platform]] = {
    "mastodon": Mastodon,
    "mastodon-nokey": MastodonNoKey,
    "bluesky": Bluesky,
    "discord": Discord,
    "facebook": Facebook,
    "google_business": GoogleBusiness,
    "instagram": Instagram,
    "threads": Threads,
    "linkedin": LinkedIn,
    "pinterest": Pinterest,
    "supabase": Supabase,
    "telegram": Telegram,
    "tiktok": TikTok,
    "x": X,
    "youtube": YouTube,
}
PROVIDERS: dict[str, type[Platform]] = {"scrapecreators": ScrapeCreators}  # nothing can be posted to them
IDLE_SECONDS = 75.0  # a connection without a request for so long is closed
BACKLOG = 512
_ENDINGS = frozenset(KINDS) - MODIFIERS - {"lagging_listing"}
_PAGE = (
    b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"
)


class Sandbox:
    """All stand-ins behind one port. `start` runs it in threads of this process."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int | None = None,
        limited: bool = True,
        media: Path | None = None,
    ) -> None:
        """port 0: any free one. limited False: rate limits are announced but never bite.

        media: a folder whose files are served below /_media, for platforms that fetch media themselves.

        Raises ValueError for an address that is not loopback, OSError when the port cannot be had.
        """
        address = _loopback(host)
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self._listener = socket.create_server((str(address), port), family=family, backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        shown = f"[{address}]" if address.version == 6 else str(address)
        self.base_url = f"http://{shown}:{self.port}"
        self._seed, self._limited, self._media = seed, limited, media
        self._connections: set[Connection] = set()
        self._timers: set[threading.Timer] = set()
        self._names = itertools.count(1)
        self._under_way = 0  # requests that a platform is answering
        self._counting = threading.Lock()
        self._stopping = False
        self.reset()
        _RUNNING.add(self)

    # For tests.

    @classmethod
    def start(cls, **options: Any) -> Self:
        """A running sandbox; `options` as for the constructor. Stop it with `stop`, or use it as a context."""
        sandbox = cls(**options)
        threading.Thread(target=sandbox.serve, name="sandbox", daemon=True).start()
        return sandbox

    @property
    def control_url(self) -> str:
        return f"{self.base_url}/_sandbox"

    @property
    def media_url(self) -> str:
        """Where the files of the media folder are."""
        return f"{self.base_url}/_media"

    def url(self, platform: str) -> str:
        """The platform's base URL, without a slash at the end."""
        return self._platform(platform).base_url

    def account(self, platform: str, handle: str | None = None, **options: Any) -> dict[str, Any]:
        """Make an account, or further credentials for it; `handle` None draws one. Options are the platform's.

        Returns {"platform", "handle", "external_id", "base_url", "credentials"}, the last as `accounts add` takes it.
        """
        place = self._platform(platform)
        with place.lock:
            credentials = place.new_account(handle or f"account{next(self._names)}", **options)
            account = place.accounts[handle] if handle else next(reversed(place.accounts.values()))
        return {
            "platform": platform,
            "handle": account.handle,
            "external_id": account.id,
            "base_url": place.base_url,
            "credentials": credentials,
        }

    def fault(self, kind: str, **rule: Any) -> Fault:
        """Add a rule; its fields are those of `Fault`. The object returned counts how often it `fired`."""
        return self.add_fault(Fault(kind=kind, **rule))

    def add_fault(self, fault: Fault) -> Fault:
        """As `fault`. Raises ValueError for a platform there is not."""
        if fault.platform is not None:
            self._platform(fault.platform)
        return self.faults.add(fault)

    def clear_faults(self) -> None:
        self.faults.clear()

    def posts(self, platform: str, account: str | None = None) -> list[dict[str, Any]]:
        """The posts there are, oldest first, deleted ones left out; `account` is a handle."""
        posts: list[dict[str, Any]] = self._platform(platform).state()["posts"]
        return [post for post in posts if not post["deleted"] and account in (None, post["account"])]

    def delete_post(self, platform: str, post_id: str) -> None:
        """As if its author had deleted it by hand. Raises KeyError for a post there is not."""
        place = self._platform(platform)
        with place.lock:
            place.delete_post(place.posts[post_id])

    def state(self, platform: str | None = None) -> dict[str, Any]:
        """What GET /_sandbox/state answers; of one platform only, if named."""
        names = [self._platform(platform).name] if platform else list(self.platforms)
        return {
            "base_url": self.base_url,
            "platforms": {name: self.platforms[name].state() for name in names},
            "faults": self.faults.as_list(),
            "late_pending": len(self._timers),
            "bugs": self.bugs,
        }

    def advance(self, seconds: float) -> None:
        """Let the sandbox's clock jump ahead: tokens, keys, rate limits and media end the sooner."""
        self.clock.ahead_seconds += seconds

    def settings(self, platform: str, **switches: Any) -> None:
        """Set switches of a platform, such as X's `duplicate_seconds`. Raises ValueError for an unknown one."""
        place = self._platform(platform)
        for name, value in switches.items():
            if name not in place.switches:
                raise ValueError(f"{platform} has no switch {name!r}: {', '.join(place.switches) or 'none'}")
            setattr(place, name, value)

    def reset(self) -> None:
        """Forget everything."""
        for timer in list(self._timers):
            timer.cancel()
        self._timers.clear()
        self.clock = Clock()
        self.faults = Faults(self._seed)
        self.bugs: list[str] = []  # tracebacks of the sandbox itself; chaos tests assert that there are none
        self.platforms = {
            name: kind(
                name, self.clock, self.faults, base_url=f"{self.base_url}/{name}", limited=self._limited
            )
            for name, kind in (PLATFORMS | PROVIDERS).items()
        }

    def stop(self) -> None:
        """Close the port and every connection."""
        self._stopping = True
        for timer in list(self._timers):
            timer.cancel()
        self._close_sockets(shutdown=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Serving.

    def serve(self) -> None:
        """Take connections until `stop`, a thread for each."""
        while not self._stopping:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                break
            threading.Thread(target=self._serve_connection, args=(sock,), name="sandbox", daemon=True).start()

    def _serve_connection(self, sock: socket.socket) -> None:
        sock.settimeout(IDLE_SECONDS)
        connection = Connection(sock, lambda: self.clock.now())
        self._connections.add(connection)
        try:
            while not self._stopping and self._serve_request(connection):
                pass
        except OSError:
            pass  # the client went away, or sent nothing for long
        except Exception:  # a bug of ours must be seen, not taken for a platform's 500
            self.bugs.append(traceback.format_exc())
            traceback.print_exc()
        finally:
            self._connections.discard(connection)
            connection.close()

    def _serve_request(self, connection: Connection) -> bool:
        """Answer one request; False ends the connection."""
        try:
            request = connection.read_request()
        except Unreadable as exc:
            connection.send(Reply(exc.status, {"error": str(exc)}))
            return False
        if request is None:
            return False
        _, name, path = (
            request.path.split("/", 2) if request.path.count("/") > 1 else ("", request.path[1:], "")
        )
        request.path = f"/{path}"
        if name == "_sandbox":
            connection.send(self._control(request))
        elif name == "_media":
            connection.send(self._file(path))
        elif platform := self.platforms.get(name):
            with self._counting:
                self._under_way += 1
            try:
                if not self._answer(connection, platform, request):
                    return False
            finally:
                with self._counting:
                    self._under_way -= 1
        else:
            connection.send(Reply(404, {"error": f"no platform here; there are {', '.join(self.platforms)}"}))
        return request.headers.get("connection", "").lower() != "close"

    def _answer(self, connection: Connection, platform: Platform, request: Request) -> bool:
        """Answer with or without a fault; False ends the connection."""
        route, request.params = platform.route(request.method, request.path)
        fault = self._faults_for(platform, request, route)
        if fault is None:
            connection.send(platform.answer(request, route))
            return True
        if fault.kind == "late_arrival":
            self._later(fault.seconds, platform, request, route)
            if fault.status:
                connection.send(platform.error(fault.status))
            return bool(fault.status)
        reply = platform.answer(request, route) if fault.acts else Reply(200)
        match fault.kind:
            case "429":
                connection.send(platform.too_many(request, fault.retry_after))
            case "5xx":
                connection.send(platform.error(fault.status or 503))
            case "expired_token":
                with platform.lock:
                    expired = platform.expire(request)
                connection.send(expired)
            case "html":
                connection.send(Reply(fault.status or 502, _PAGE, content_type="text/html; charset=utf-8"))
            case "empty_body":
                connection.send(Reply(reply.status, None, reply.headers))
            case "truncated_json":
                content = reply.content()
                connection.send(Reply(reply.status, content[: len(content) // 2], reply.headers))
            case "huge_body":
                connection.send(Reply(reply.status, b" " * HUGE_BYTES + reply.content(), reply.headers))
            case "half_answer":
                connection.send(reply, share=0.5)
                return False
            case "reset":
                connection.reset()
                return False
            case _:  # accept_then_drop, drop_before
                return False
        return True

    def _faults_for(self, platform: Platform, request: Request, route: Route | None) -> Fault | None:
        """Apply the modifiers to the request, and return the fault that spoils its answer, if one does."""
        if not self.faults:
            return None
        with platform.lock:
            token = platform.token_of(request)
        handle = token.account.handle if token else None
        where = platform.name, handle, request.method, request.path, route is not None and route.visible
        if slow := self.faults.pick(("slow",), *where):
            request.slow_seconds = slow.seconds
        request.key_ignored = self.faults.pick(("key_ignored",), *where) is not None
        return self.faults.pick(_ENDINGS, *where)

    def _later(self, seconds: float, platform: Platform, request: Request, route: Route | None) -> None:
        def arrive() -> None:
            try:
                platform.answer(request, route)
            finally:
                self._timers.discard(timer)

        timer = threading.Timer(seconds, arrive)
        timer.daemon = True
        self._timers.add(timer)
        timer.start()

    def _file(self, path: str) -> Reply:
        if self._media is None:
            return Reply(404)
        file = (self._media / path).resolve()
        if not file.is_relative_to(self._media.resolve()) or not file.is_file():
            return Reply(404)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Reply(200, file.read_bytes(), content_type=kind)

    def _control(self, request: Request) -> Reply:
        try:
            document: Any = {}
            if request.body:
                document = request.json_value()
            match request.method, request.path:
                case "GET", "/state":
                    return Reply(200, self.state(request.query("platform")))
                case "GET", "/pending":
                    return Reply(200, {"late": len(self._timers), "under_way": self._under_way})
                case "POST", "/accounts":
                    return Reply(200, self.account(**document))
                case "POST", "/faults":
                    self._set_faults(document)
                    return Reply(200, {"faults": self.faults.as_list()})
                case "POST", "/advance":
                    self.advance(float(document["seconds"]))
                case "POST", "/settings":
                    self.settings(**document)
                case "POST", "/reset":
                    self.reset()
                case _:
                    return Reply(404, {"error": f"no {request.method} {request.path} here"})
        except (ValueError, TypeError, KeyError) as exc:
            return Reply(400, {"error": str(exc)})
        return Reply(200, {})

    def _set_faults(self, document: Any) -> None:
        """One fault is added to the others; a list replaces them all; {"text"} adds."""
        if isinstance(document, list):
            rules = [fault_from(item) for item in document]
            self.faults.clear()
        elif set(document) == {"text"}:
            rules = parse_faults(document["text"])
        else:
            rules = [fault_from(document)]
        for rule in rules:
            self.add_fault(rule)

    def _platform(self, name: str) -> Platform:
        try:
            return self.platforms[name]
        except KeyError:
            raise ValueError(f"unknown platform {name!r}: one of {', '.join(self.platforms)}") from None

    def _close_sockets(self, *, shutdown: bool) -> None:
        if shutdown:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listener.close()
        for connection in list(self._connections):
            if shutdown:
                connection.close()
            else:
                connection.sock.close()


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; raises ValueError unless it is a loopback one: the stand-ins let everybody in."""
    with suppress(ValueError):
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if address.is_loopback:
            return address
    raise ValueError(f"the sandbox listens on loopback addresses only, such as 127.0.0.1, not on {host}")


_RUNNING: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child must not hold our sockets: its copies would keep connections open that we have ended."""
    for sandbox in list(_RUNNING):
        sandbox._close_sockets(shutdown=False)


os.register_at_fork(after_in_child=_close_in_child)
