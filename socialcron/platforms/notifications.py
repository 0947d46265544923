"""Messages to people, by any service that the library apprise knows: mail, Slack, Telegram, ntfy and many more.

https://github.com/caronc/apprise/wiki has the URL of each. Importing it takes 0.1 s, so that happens late.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from socialcron.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from apprise import Apprise

_MAIL = ("mailto", "mailtos")
_TOKEN = re.compile(r"^(?=.*\d).{8}|^.{20}")  # what no word looks like


def check(url: str) -> None:
    """Raises BadInput unless apprise can make something of it; no service is asked."""
    if len(url.split()) != 1:
        raise BadInput(
            "that is not one apprise URL, but none or several",
            hint="One for each subscription: a message that fails at one of two would reach the other again and again.",
        )
    _service(url)


def send(url: str, *, title: str, body: str) -> None:
    """Send plain text. Returns once the service has it. May take as long as the service likes.

    Raises Unavailable with what apprise says of it, for services tell it no more; the caller redacts that.
    """
    from apprise import NotifyFormat

    result = _service(url).notify(title=title, body=body, body_format=NotifyFormat.TEXT)
    if not result:
        said = "; ".join(dict.fromkeys(entry.message for entry in result.logs()))
        raise Unavailable(said or "apprise could not send it, and says no more")


def secrets_in(url: str) -> list[str]:
    """The parts of a URL that may be passwords or tokens; where those stand differs from service to service.

    Ordinary words are not among them, nor hosts with a dot, and of a mail address only the password: errors would say
    nothing without.
    """
    try:
        parts = urlsplit(url)
        host, password = parts.hostname or "", parts.password or ""
    except ValueError:
        return [url]
    values = [pair.partition("=") for pair in parts.query.split("&")]
    if parts.scheme in _MAIL:
        found = [value for name, _, value in values if name.lower() in ("pass", "password")]
    else:
        pieces = [parts.username or "", *parts.path.split("/"), *(value for _, _, value in values)]
        pieces += parts.netloc.rpartition("@")[2].split(":") if "." not in host else []
        found = [parts.path, *filter(_TOKEN.search, pieces)]
    return list({form for text in (url, password, *found) for form in (text, unquote(text)) if text})


def _service(url: str) -> Apprise:
    from apprise import Apprise, AppriseAsset, NotifyFormat

    logging.getLogger("apprise").propagate = False  # what it has to say is in the result
    asset = AppriseAsset(
        app_id="socialcron",
        app_desc="socialcron",
        async_mode=False,  # its threads would keep a process from ending while a service hangs
        service_timeout=0,  # the same
        storage_mode="memory",
    )
    found = Apprise(asset=asset)
    if not found.add(url):
        raise BadInput(
            "apprise does not know what to do with that URL",
            hint="As in mailtos://user@example.com, with :password after the user; all are at https://github.com/caronc/apprise/wiki.",
        )
    for service in found:
        service.notify_format = NotifyFormat.TEXT
    return found
