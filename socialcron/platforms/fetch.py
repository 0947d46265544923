"""Remote files of untrusted address, fetched so that nobody can use this host to reach into its own network.

Names are resolved here, every address is checked, and the connection goes to the checked address, so that a name
cannot mean one thing when it is checked and another when it is used. URL, Host header and TLS name stay as given.
Redirects are followed by hand and pass the same checks.
"""

from __future__ import annotations

import mimetypes
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import httpcore
import httpx

from socialcron.errors import PlatformError, Rejected, Unavailable
from socialcron.platforms.http import USER_AGENT, _DeadlineBackend, _exchange, now_seconds

MAX_REDIRECTS = 5
CHUNK_BYTES = 64 * 1024
_NAT64 = IPv6Network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052#section-2.1
# Not of the Internet at large, but global to some Pythons that we run on.
# https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16")))
_LATER = frozenset({408, 425, 429})

Resolve = Callable[[str, int], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that belongs to the caller, who removes it. `mime_type` is what the server said, else by the name."""

    path: Path
    size_bytes: int
    mime_type: str
    sha256: str  # hexadecimal
    final_url: str  # after redirects


def fetch_public(
    url: str,
    *,
    max_bytes: int,
    folder: Path | None = None,
    allow_private: bool = False,
    seconds: float = 120.0,
    resolve: Resolve | None = None,
) -> Fetched:
    """Stream what an https URL holds into a new file in `folder` (None: the system's directory for such files).

    seconds: for everything, redirects included (but the resolver's own patience). allow_private: any address and
    plain http, too. resolve: (host, port) -> what `socket.getaddrinfo` returns.

    Raises Rejected (scheme, address, not found, empty, too large) or Unavailable (network, server trouble, disk).
    No file is left behind then.
    """
    where, transport = _shown(url), httpx.HTTPTransport(verify=_tls())
    transport._pool = httpcore.ConnectionPool(
        ssl_context=_tls(),
        network_backend=_GuardedBackend(resolve or _getaddrinfo, allow_private),
    )
    # Compressed answers could unfold to any size, so none are asked for and none are taken.
    headers = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
    _exchange.deadline, _exchange.started = now_seconds() + seconds, False
    try:
        with httpx.Client(transport=transport, headers=headers, timeout=20.0, trust_env=False) as client:
            for _ in range(MAX_REDIRECTS + 1):
                where = _shown(url)
                _check_url(url, allow_private)
                with client.stream("GET", url) as response:
                    if not response.has_redirect_location:
                        return _save(response, where, max_bytes, folder)
                    url = str(response.url.join(response.headers["location"]))
        raise Rejected(f"{where}: more than {MAX_REDIRECTS} redirects")
    except (httpx.InvalidURL, UnicodeError, ValueError) as exc:
        raise Rejected(f"{where}: not a usable URL") from exc
    except httpx.HTTPError as exc:
        raise Unavailable(f"{where}: could not be fetched ({type(exc).__name__}: {exc})") from exc
    except OSError as exc:
        raise Unavailable(f"{where}: could not be stored ({exc.strerror})") from exc
    finally:
        _exchange.deadline = float("inf")


@cache
def _tls() -> ssl.SSLContext:
    """Made once: it reads all certificates, which takes longer than most covers do."""
    return httpx.create_ssl_context()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet at large. Tunnels and translations count as what they lead to."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(IPv4Address(int(ip) & 0xFFFF_FFFF)))
        if ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
    special = any(ip in network for network in _SPECIAL if network.version == ip.version)
    return ip.is_global and not (special or ip.is_multicast or ip.is_reserved)


class _GuardedBackend(_DeadlineBackend):
    def __init__(self, resolve: Resolve, allow_private: bool) -> None:
        super().__init__()
        self._resolve = resolve
        self._allow_private = allow_private

    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.NetworkStream:
        try:
            addresses = [str(found[4][0]) for found in self._resolve(host, port)]
        except OSError as exc:
            raise httpcore.ConnectError(f"{host} has no address") from exc
        # One bad address among good ones is how a name is made to lead inside at the second try.
        if not self._allow_private and (inside := [a for a in addresses if not is_public(a)]):
            raise Rejected(
                f"{host} leads to {inside[0]}, which is not a public address",
                hint="SOCIALCRON_ALLOW_PRIVATE_MEDIA=true allows media from private networks.",
            )
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return super().connect_tcp(address, port, *args, **options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure


def _getaddrinfo(host: str, port: int) -> Iterable[tuple[Any, ...]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _check_url(url: str, allow_private: bool) -> None:
    parsed = httpx.URL(url)
    if not parsed.host or parsed.scheme not in (("https", "http") if allow_private else ("https",)):
        raise Rejected(f"{_shown(url)}: only https URLs are fetched")
    if parsed.userinfo:
        raise Rejected(f"{_shown(url)}: holds a user name or password")


def _shown(url: str) -> str:
    """The URL for messages: without query and user, where secrets of signed links are."""
    try:
        parsed = httpx.URL(url)
        return str(parsed.copy_with(query=None, fragment=None, username=None, password=None))[:200]
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return "the URL"


def _save(response: httpx.Response, where: str, max_bytes: int, folder: Path | None) -> Fetched:
    if error := _refusal(response, where):
        raise error
    too_large = Rejected(
        f"{where}: larger than {max_bytes} bytes", hint="SOCIALCRON_MAX_MEDIA_BYTES sets the limit for media."
    )
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise too_large
    mime_type = _mime_type(response)
    handle, name = tempfile.mkstemp(mimetypes.guess_extension(mime_type) or "", "socialcron-", folder)
    path, size_bytes, digest = Path(name), 0, sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in response.iter_raw(CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > max_bytes:
                    raise too_large
                digest.update(chunk)
                file.write(chunk)
        if not size_bytes:
            raise Rejected(f"{where}: empty")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Fetched(
        path=path,
        size_bytes=size_bytes,
        mime_type=mime_type,
        sha256=digest.hexdigest(),
        final_url=str(response.url),
    )


def _refusal(response: httpx.Response, where: str) -> PlatformError | None:
    status = response.status_code
    if status in (404, 410):
        return Rejected(f"{where}: not found (HTTP {status})", http_status=status)
    if status in _LATER or status >= 500:
        return Unavailable(f"{where}: HTTP {status}", http_status=status)
    if status != 200:
        return Rejected(f"{where}: HTTP {status} instead of a file", http_status=status)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return Rejected(f"{where}: the server compresses although it was asked not to")
    return None


def _mime_type(response: httpx.Response) -> str:
    said = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said and said != "application/octet-stream":
        return str(said)
    return mimetypes.guess_type(response.url.path)[0] or "application/octet-stream"
