"""What `accounts add`, `reconnect` and `import` are given, checked against the platform's declaration."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from socialcron import log
from socialcron.batches.validation import text_problem
from socialcron.errors import BadInput, UsageError, reason
from socialcron.model import Connectable
from socialcron.platforms import registry
from socialcron.platforms.base import Credentials, Declaration
from socialcron.platforms.rules import can_resize
from socialcron.store.accounts import NewAccount

if TYPE_CHECKING:
    from socialcron.store.secrets import KeyRing

APP_HELP = "which app acts for it, by name: SOCIALCRON_APP_NAME_CLIENT_ID and _CLIENT_SECRET hold it"
RESIZE_HELP = "true makes images that are too large for the platform smaller; the files stay as they are"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Accepted:
    """Credentials as they will be stored.

    expires_at: when the access token ends; None means never. refresh_expires_at: when a person must reconnect, if it
    is known: without anything to renew it by, that is when the token ends. needs_session: there is no access token yet,
    and the adapter makes one of the rest, so the first run that uses the account refreshes it.
    """

    credentials: dict[str, Any]
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    needs_session: bool = False


def read_json(source: str) -> Any:
    """The JSON in the file `source`, or on stdin for "-". Raises UsageError or BadInput, quoting nothing of it."""
    if source.lstrip()[:1] in ("{", "["):
        raise UsageError(
            "credentials are never taken from the command line, where every user of this host can read them",
            hint="Put them into a file of mode 0600, or pipe them in: --credentials -",
        )
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("the credentials are not UTF-8 text", hint="They are one JSON object.") from None
    except (OSError, ValueError) as exc:
        raise UsageError(
            f"cannot read the credentials in {source}: {reason(exc)}",
            hint="--credentials takes a file, or - for stdin.",
        ) from exc
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        place = f" (line {exc.lineno}, column {exc.colno})" if isinstance(exc, json.JSONDecodeError) else ""
        # Without the cause: the JSON error carries the whole document, and with it the secrets.
        raise BadInput(f"the credentials are not JSON{place}", hint="They are one JSON object.") from None


def accept_credentials(platform: str, given: Any, *, needed: bool = True) -> Accepted:
    """Check `given` against the forms the platform declares. None stands for not given; needed False: nor has it to be.

    Raises UsageError when the platform needs some and none were given, BadInput naming keys that are unknown, missing
    or of no use.
    """
    declaration = registry.declaration(platform)
    hint = credentials_help(declaration)
    if given is None:
        if declaration.credentials and needed:
            if declaration.authorization:
                hint += f" Or let a person consent: `socialcron accounts connect {platform}`."
            raise UsageError(f"{declaration.title} needs --credentials FILE (or - for stdin)", hint=hint)
        return Accepted(credentials={})
    if not declaration.credentials:
        raise BadInput(f"{declaration.title} takes no credentials", hint="Leave out --credentials.")
    if not isinstance(given, dict):
        raise BadInput("the credentials are not a JSON object", hint=hint)
    keys = {key for key, value in given.items() if value is not None}
    known = {key for form in declaration.credentials for key in (*form.required, *form.optional)}
    if unknown := sorted(set(given) - known):
        raise BadInput(f"the credentials hold unknown keys: {_quoted(unknown)}", hint=hint)
    form = _form_of(keys, declaration.credentials)
    if missing := [key for key in form.required if key not in keys]:
        raise BadInput(f"the credentials lack {_quoted(missing)}", hint=hint)
    if strange := sorted(keys - {*form.required, *form.optional}):
        raise BadInput(f"{_quoted(strange)} does not belong into {form.name} credentials", hint=hint)
    credentials = {key: _text(key, given[key], hint) for key in given if key in keys and key != "expires_at"}
    log.hide_credentials(credentials)
    expires_at, renewable = (
        _moment(given.get("expires_at")),
        registry.adapter(platform).can_refresh(credentials),
    )
    return Accepted(
        credentials=credentials,
        expires_at=expires_at,
        refresh_expires_at=None if renewable else expires_at,
        needs_session="access_token" not in keys and renewable,
    )


def accept_settings(
    platform: str, given: Sequence[str], *, default_base_url: str | None = None
) -> dict[str, str]:
    """`NAME=VALUE` texts as the account's settings. Raises UsageError, or BadInput for a value of no use.

    default_base_url: where the account is if it does not say.
    """
    settings = {}
    for pair in given:
        name, found, value = pair.partition("=")
        if not found or not value.strip():
            raise UsageError(f"{pair!r} is not NAME=VALUE", hint=_settings_hint(platform))
        settings[name] = value
    return check_settings(platform, settings, default_base_url=default_base_url)


def check_settings(
    platform: str, given: Mapping[str, str], *, default_base_url: str | None = None
) -> dict[str, str]:
    """The same of names and values."""
    declaration = registry.declaration(platform)
    names = {"base_url": "", **known_settings(declaration)}
    settings = {}
    for name, value in given.items():
        if name not in names:
            raise UsageError(f"{declaration.title} has no setting {name!r}", hint=_settings_hint(platform))
        if problem := text_problem(value):
            raise BadInput(f"the setting {name} {problem}")
        if name == "resize_images" and value.strip() not in ("true", "false"):
            raise BadInput(f"resize_images is {value.strip()!r}", hint="It is true or false.")
        if name == "app" and not re.fullmatch(r"[A-Za-z0-9_-]+", value.strip()):
            raise BadInput("the setting app is no name", hint="A name has letters, digits, - and _ only.")
        settings[name] = _base_url(value.strip()) if name == "base_url" else value.strip()
    own_server = "base_url" in declaration.settings and declaration.default_base_url is None
    if own_server and not default_base_url and "base_url" not in settings:
        raise UsageError(
            f"{declaration.title} needs the setting base_url",
            hint=f"Give --set base_url=URL; it is {declaration.settings['base_url']}.",
        )
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChange:
    """given: new values. removed: names that go. moves: see `store.accounts.change_settings`."""

    given: dict[str, str]
    removed: list[str]
    moves: bool


def accept_change(
    platform: str, stored: Mapping[str, Any], texts: Sequence[str], *, default_base_url: str | None = None
) -> SettingsChange:
    """`NAME=VALUE` texts, and `NAME=` for a setting to take away. Raises as `accept_settings` does.

    stored: the settings as they are.
    """
    removed = [
        name for name, equals, value in (text.partition("=") for text in texts) if equals and not value
    ]
    kept = {name: value for name, value in stored.items() if name not in removed}
    given = accept_settings(
        platform,
        [text for text in texts if text.partition("=")[0] not in removed],
        default_base_url=kept.get("base_url") or default_base_url,
    )
    declaration = registry.declaration(platform)
    known = {"base_url", *known_settings(declaration), *stored}
    if unknown := [name for name in removed if name not in known]:
        raise UsageError(f"{declaration.title} has no setting {unknown[0]!r}", hint=_settings_hint(platform))
    # What a post can choose for itself stands in its stored request.
    harmless = {*declaration.options, "app", "resize_images"}
    return SettingsChange(given=given, removed=removed, moves=not harmless.issuperset([*given, *removed]))


def _settings_hint(platform: str) -> str:
    declaration = registry.declaration(platform)
    return f"{declaration.title} takes: {', '.join(sorted({'base_url', *known_settings(declaration)}))}."


def connectable_account(
    platform: str, found: Connectable, settings: Mapping[str, str], key_ring: KeyRing
) -> NewAccount:
    """What a consent gave access to, as it will be stored. settings: those a person gave; they beat the platform's."""
    credentials = dict(found.tokens.credentials)
    said = _moment(credentials.pop("expires_at", None))
    expires_at = found.tokens.expires_at or said
    renewable = registry.adapter(platform).can_refresh(credentials)
    return NewAccount(
        platform=platform,
        handle=" ".join("".join(c if c.isprintable() else " " for c in found.handle).split())
        or found.external_id,
        external_id=found.external_id,
        settings=settings,
        defaults=found.settings,
        credentials=key_ring.encrypt(credentials),
        token_expires_at=expires_at,
        refresh_expires_at=found.tokens.refresh_expires_at or (None if renewable else expires_at),
    )


def known_settings(declaration: Declaration) -> dict[str, str]:
    """The platform's own settings and those all its kind have, with one line of help."""
    shared = {"resize_images": RESIZE_HELP} if can_resize(declaration) else {}
    if any("client_id" in form.optional for form in declaration.credentials):
        shared["app"] = APP_HELP
    return {**declaration.settings, **shared}


def way_to_reconnect(platform: str, account_id: int) -> str:
    """The commands that give an account new credentials."""
    by_file = f"`socialcron accounts reconnect {account_id} --credentials FILE`"
    if platform not in registry.names() or registry.declaration(platform).authorization is None:
        return by_file
    return f"`socialcron accounts connect {platform}` or {by_file}"


def accept_name(what: str, value: str | None) -> str | None:
    """A handle or id, trimmed. Raises BadInput if it is empty or cannot be stored."""
    if value is None:
        return None
    problem = text_problem(value)
    if not value.strip():
        problem = "is empty"
    elif not problem and not value.strip().isprintable():
        problem = "holds control characters"
    if problem:
        raise BadInput(f"the {what} {problem}")
    return value.strip()


def _form_of(keys: set[str], forms: tuple[Credentials, ...]) -> Credentials:
    """The form that `keys` are meant to be: fewest keys missing, then fewest that do not belong."""
    return min(forms, key=lambda f: (len({*f.required} - keys), len(keys - {*f.required, *f.optional})))


def credentials_help(declaration: Declaration) -> str:
    """Which forms of credentials the platform takes, in one sentence."""
    forms = [
        f"{form.name} ({', '.join([*form.required, *(f'[{key}]' for key in form.optional)])})"
        for form in declaration.credentials
    ]
    return f"{declaration.title} takes one JSON object: {' or '.join(forms)}."


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names)


def _text(key: str, value: Any, hint: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{key!r} in the credentials must be a text, and not an empty one", hint=hint)
    if problem := text_problem(value):
        raise BadInput(f"{key!r} in the credentials {problem}")
    return value.strip()


def _moment(value: Any) -> datetime | None:
    """`expires_at` as ISO 8601 with an offset, or seconds since 1970."""
    hint = "expires_at is seconds since 1970, or ISO 8601 with an offset, as in 2026-12-01T09:00:00Z."
    try:
        match value:
            case None:
                return None
            case bool():
                raise ValueError
            case int() | float():
                return datetime.fromtimestamp(value, UTC)
            case str():
                moment = (
                    datetime.fromtimestamp(float(value), UTC)
                    if value.replace(".", "", 1).isdigit()
                    else datetime.fromisoformat(value)
                )
                if moment.tzinfo is not None:
                    return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise BadInput("'expires_at' in the credentials is no moment", hint=hint)


def _base_url(url: str) -> str:
    hint = "It looks like https://mastodon.social: no path parameters, no user name."
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or any(c.isspace() or not c.isprintable() for c in url):
        raise BadInput("base_url is not an http(s) URL", hint=hint)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput("base_url holds more than a server's address", hint=hint)
    return url.rstrip("/")
