"""`accounts connect`: a person says yes in a browser, and the platform hands us a code for tokens.

The authorization-code flow of OAuth 2.0 (RFC 6749 section 4.1) as native apps do it (RFC 8252): the browser is sent
back to a port of this host, where `Listener` waits for it, and PKCE (RFC 7636) ties the code to this process. Without a
browser on this host a person opens the address anywhere and pastes where it led: `grant_of` takes either.
"""

from __future__ import annotations

import hashlib
import hmac
import queue
import secrets
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from socialcron import log
from socialcron.batches.apps import app_for, app_variables
from socialcron.batches.connecting import connectable_account, credentials_help
from socialcron.errors import (
    BadInput,
    ConfigError,
    PlatformError,
    Refused,
    ServiceUnavailable,
    UsageError,
)
from socialcron.model import Connectable
from socialcron.platforms import registry
from socialcron.platforms.base import App, Authorization, Grant
from socialcron.platforms.http import Http
from socialcron.settings import Settings
from socialcron.store.accounts import connect_accounts
from socialcron.store.engine import Database
from socialcron.store.secrets import KeyRing

DEFAULT_PORT = 8734  # fixed, because most platforms take only redirect addresses that were registered
LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attempt:
    """One consent asked for. url: where a person gives it. `state` and `code_verifier` tell its answer from others."""

    platform: str
    app: App
    settings: dict[str, str]  # of the account to be
    redirect_uri: str
    scopes: tuple[str, ...]
    url: str
    state: str
    code_verifier: str | None


def begin(
    platform: str,
    *,
    account_settings: dict[str, str],
    settings: Settings,
    redirect_uri: str,
    scopes: Sequence[str],
    http: Http,
) -> Attempt:
    """Ask for a consent. scopes: empty for those the platform declares.

    Raises ConfigError when no app is known, ServiceUnavailable or Refused when the server gives us none.
    """
    declared = authorization_of(platform)
    scopes = tuple(scopes) or declared.scopes
    app = _app(platform, account_settings, settings)
    if not app.client_id and declared.registers_app:
        adapter: Any = registry.adapter(platform)
        with _translated():
            app = adapter.register_app(redirect_uri, scopes, account_settings, http)
    if not app.client_id:
        variables = " and ".join(app_variables(platform) or app_variables(platform, "NAME"))
        raise ConfigError(
            f"{registry.declaration(platform).title} lets no app in without credentials, and none are set",
            hint=f"Make an app at the platform, register {redirect_uri} there as its redirect address, "
            f"and set {variables}.",
        )
    state = secrets.token_urlsafe(32)
    url, code_verifier = _authorize_url(
        declared, account_settings.get("base_url"), app, redirect_uri, scopes, state
    )
    log.hide([state, code_verifier or "", app.client_secret or ""])
    return Attempt(
        platform=platform,
        app=app,
        settings=account_settings,
        redirect_uri=redirect_uri,
        scopes=scopes,
        url=url,
        state=state,
        code_verifier=code_verifier,
    )


def authorization_of(platform: str) -> Authorization:
    """What the platform declares. Raises UsageError with another way for one that has no such flow."""
    declaration = registry.declaration(platform)
    if declaration.authorization is None:
        way = f"`socialcron accounts add {platform} --handle NAME`"
        if declaration.credentials:
            way = f"`socialcron accounts add {platform} --handle NAME --credentials FILE`. "
            way += credentials_help(declaration)
        raise UsageError(f"{declaration.title} has no consent page that leads back to us", hint=f"Use {way}")
    return declaration.authorization


def grant_of(attempt: Attempt, address: str) -> Grant:
    """What the browser brought back, in the address (or path and query) it was sent to.

    Raises BadInput for an address that does not answer this attempt, Refused when the person or the platform said no.
    """
    try:
        fields = dict(parse_qsl(urlsplit(address.strip()).query))
    except ValueError:
        fields = {}
    title = registry.declaration(attempt.platform).title
    if "state" not in fields:
        raise BadInput(
            "that is not the address the browser was sent back to",
            hint=f"It begins with {attempt.redirect_uri} and holds code= and state=. Copy all of it.",
        )
    if not _is_answer(fields["state"], attempt.state):
        raise BadInput(
            "that address answers another attempt: its state is not the one we gave",
            hint="Run the command again, and use the address that it prints.",
        )
    if "error" in fields:
        said = _one_line(f"{fields['error']} {fields.get('error_description', '')}")
        raise Refused(
            f"{title} gave no access: {said}",
            hint="Run the command again and agree to all of it."
            if fields["error"] == "access_denied"
            else "Look at the app's settings at the platform: its permissions, products and redirect addresses.",
        )
    if not fields.get("code"):
        raise BadInput("the address holds no code", hint="Copy all of the address the browser was sent to.")
    log.hide([fields["code"]])
    return Grant(code=fields["code"], redirect_uri=attempt.redirect_uri, code_verifier=attempt.code_verifier)


def redeem(attempt: Attempt, grant: Grant, http: Http) -> list[Connectable]:
    """The accounts that the consent gives access to; at least one.

    Raises Refused when the code is refused or leads to nothing that can post, ServiceUnavailable when the platform
    cannot be asked.
    """
    adapter: Any = registry.adapter(attempt.platform)
    title = adapter.declaration.title
    with _translated():
        found: list[Connectable] = adapter.connect_accounts(grant, attempt.app, attempt.settings, http)
    for item in found:
        log.hide_credentials(item.tokens.credentials)
    if not found:
        raise Refused(
            f"{title} gave access, but to nothing that can post",
            hint="Agree to every page, channel or organization it is meant for, and use a login that may post there.",
        )
    return found


def store(
    db: Database, attempt: Attempt, chosen: Sequence[Connectable], key_ring: KeyRing
) -> list[dict[str, Any]]:
    """Connect these, or give those that are connected already their new tokens; says what became of each.

    Raises BadInput with a reason for each that cannot be stored, and then none is.
    """
    accounts = [connectable_account(attempt.platform, item, attempt.settings, key_ring) for item in chosen]
    stored = connect_accounts(db, accounts)
    done = []
    problems = []
    for account, item, made in zip(accounts, chosen, stored, strict=True):
        if isinstance(made, str):
            problems.append(f"{account.handle}: {made}")
            continue
        done.append(
            {
                "id": made.id,
                "platform": account.platform,
                "handle": account.handle,
                "external_id": account.external_id,
                "status": made.status,
                "outcome": made.outcome,
                "scopes": item.scopes,
                "not_granted": sorted(set(attempt.scopes) - set(item.scopes)) if item.scopes else [],
                "token_expires_at": account.token_expires_at,
                "refresh_expires_at": account.refresh_expires_at,
            }
        )
    if problems:
        raise BadInput("nothing was connected", problems=problems)
    return done


def choose(found: Sequence[Connectable], names: Sequence[str], *, everything: bool) -> list[Connectable]:
    """Those that are named by id or handle, or all; one alone needs no naming. UsageError listing them otherwise."""
    hint = "There are: " + "; ".join(f"{item.external_id} {_one_line(item.handle)}" for item in found) + "."
    if everything or (len(found) == 1 and not names):
        return list(found)
    if not names:
        raise UsageError(
            f"the consent gives access to {len(found)} accounts: say which, by --account ID or --all",
            hint=hint,
        )
    for name in names:
        if not any(_is_named(item, name) for item in found):
            raise UsageError(f"the consent gives no access to an account {name!r}", hint=hint)
    return [item for item in found if any(_is_named(item, name) for name in names)]


def _is_named(item: Connectable, name: str) -> bool:
    return name == item.external_id or name.lower().lstrip("@") == item.handle.lower().lstrip("@")


# --- the way there -----------------------------------------------------------------------------------------------


def _app(platform: str, account_settings: dict[str, str], settings: Settings) -> App:
    try:
        return app_for(platform, {}, account_settings, settings)
    except PlatformError as exc:
        raise ConfigError(exc.message, hint=exc.hint) from exc


def _authorize_url(
    declared: Authorization,
    base_url: str | None,
    app: App,
    redirect_uri: str,
    scopes: Sequence[str],
    state: str,
) -> tuple[str, str | None]:
    """The address of the consent page, and the code verifier where the platform takes a challenge."""
    from oauthlib.oauth2 import WebApplicationClient

    client = WebApplicationClient(app.client_id)
    code_verifier = client.create_code_verifier(64) if declared.pkce else None
    page = urlsplit(declared.authorize_url)
    if base_url:
        server = urlsplit(base_url)
        page = page._replace(
            scheme=server.scheme, netloc=server.netloc, path=server.path.rstrip("/") + page.path
        )
    if page.scheme != "https" and page.hostname not in LOOPBACK:
        raise UsageError(
            f"the consent page is on {page.scheme}://{page.netloc}, where others could read along",
            hint="Use an https address.",
        )
    challenge: dict[str, str] = {}
    if code_verifier:
        digest = hashlib.sha256(code_verifier.encode()).hexdigest()
        challenge = {
            "code_challenge": digest
            if declared.pkce == "S256-hex"
            else client.create_code_challenge(code_verifier, "S256"),
            "code_challenge_method": "S256",
        }
    # The library refuses http, which only the loopback page of a sandbox has.
    made = urlsplit(
        client.prepare_request_uri(
            urlunsplit(page._replace(scheme="https")),
            redirect_uri=redirect_uri,
            scope=declared.scope_separator.join(scopes),
            state=state,
            **challenge,
            **declared.parameters,
        )
    )
    fields = [
        (declared.client_parameter if name == "client_id" else name, value)
        for name, value in parse_qsl(made.query)
    ]
    return urlunsplit(made._replace(scheme=page.scheme, query=urlencode(fields))), code_verifier


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the platform as errors of a command: nothing here belongs to a stored account yet."""
    try:
        yield
    except PlatformError as exc:
        ours = ServiceUnavailable if exc.retryable else Refused
        raise ours(exc.message, hint=exc.hint or "Run the command again.") from exc


# --- the way back ------------------------------------------------------------------------------------------------


def check_redirect_uri(redirect_uri: str) -> str:
    """The same, if an app could be registered with it. Raises UsageError."""
    try:
        parts = urlsplit(redirect_uri)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port >= 0)
        )
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise UsageError(
            f"no browser can be sent to {redirect_uri!r}", hint="It looks like https://me.example/back."
        )
    return redirect_uri


def can_listen(redirect_uri: str) -> bool:
    """Whether a browser on this host that is sent there comes to us."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


class Listener:
    """Waits on a loopback port for the browser. Use it as a context.

    Answers that are not of our attempt (a stale tab, any page that knows the port) are turned away, and it waits on.
    """

    def __init__(self, redirect_uri: str) -> None:
        """Port 0 in `redirect_uri`: any free one. Raises ServiceUnavailable when the port cannot be had."""
        parts = urlsplit(redirect_uri)
        port = DEFAULT_PORT if parts.port is None else parts.port
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except OSError as exc:
            raise ServiceUnavailable(
                f"port {port} of this host, where the browser is sent back to, cannot be had: {exc.strerror or exc}",
                hint="Choose another with --redirect-port (and register it with the app), or use --no-browser.",
            ) from exc
        self._thread: threading.Thread | None = None
        self._server.path = parts.path or "/"
        self.redirect_uri = urlunsplit(
            parts._replace(netloc=f"{parts.hostname}:{self._server.server_address[1]}")
        )

    def expect(self, attempt: Attempt) -> None:
        """Begin to serve; to be called before the browser is sent anywhere."""
        self._server.state = attempt.state
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def wait(self, *, seconds: float) -> str:
        """The path and query of the browser's visit. Raises ServiceUnavailable when it does not come in time."""
        try:
            return self._server.visits.get(timeout=seconds)
        except queue.Empty:
            raise ServiceUnavailable(
                f"no browser came back to {self.redirect_uri} within {seconds:g} seconds",
                hint="Run the command again; with --no-browser, you paste the address that the browser was sent to.",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Threads, because browsers open connections ahead and send nothing on them."""

    path = "/"
    state = ""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.visits: queue.SimpleQueue[str] = queue.SimpleQueue()

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(
            self
        )  # http.server would also look our name up, which can take seconds

    def handle_error(self, *_: Any) -> None:
        """A browser that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        fields = dict(parse_qsl(parts.query))
        if parts.path != self.server.path or "state" not in fields:
            return self._show(404, "There is nothing here")
        if not _is_answer(fields["state"], self.server.state):
            return self._show(
                400, "This answers another attempt", "Use the page that socialcron opened last."
            )
        if "code" in fields:
            self._show(200, "Thank you", "socialcron has your answer. You can close this window.")
        else:
            self._show(200, "No access given", "socialcron was told so. You can close this window.")
        self.server.visits.put(self.path)

    def _show(self, status: int, title: str, text: str = "") -> None:
        page = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f'<body style="font: 1.2em system-ui; margin: 20vh auto; max-width: 30em">'
            f"<h1>{title}</h1><p>{text}</p></body></html>"
        ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")  # the code is in this page's address
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: Any) -> None:
        """The address holds the code: it goes into no log."""


def _is_answer(given: str, state: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), state.encode())


def _one_line(text: str) -> str:
    """Words of somebody else's, fit for a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
