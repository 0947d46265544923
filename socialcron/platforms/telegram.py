"""Telegram channels and groups, through a bot. Bot API 10.1, read 2026-09-11: https://core.telegram.org/bots/api

The token stands in the path of every address, so paths are written with `:token` in its place and get the real one
when they are signed; what Telegram says is searched for it before it is quoted. Files travel inside the visible
request: there is no upload before. And there is no looking back: bots have no history, keys or ids of their own
choice, so a lost answer is left to a person.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
)
from socialcron.model import (
    Account,
    Confirmed,
    Identity,
    LimitSeen,
    Look,
    Media,
    PreparedStep,
    Problem,
    Ready,
    Step,
    Tokens,
)
from socialcron.platforms.base import (
    App,
    Credentials,
    Declaration,
    Limit,
    MediaRule,
    default_error,
    key_text,
    optional_str,
)
from socialcron.platforms.files import file_name, open_file
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import FILE_TYPES, flag, media_problems, poll_option_problems
from socialcron.platforms.text import field, utf16_units, with_link

if TYPE_CHECKING:
    import httpx

_API = "https://core.telegram.org/bots/api"
_READ_ON = "2026-09-11"
_PATH = "/bot:token/"
_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
_OTHERS = FILE_TYPES - _PHOTOS - {"image/gif", "video/mp4"}
_METHODS = {
    "photo": "sendPhoto",
    "video": "sendVideo",
    "animation": "sendAnimation",
    "document": "sendDocument",
}
_CHOICES = {
    "parse_mode": "HTML or MarkdownV2: the text holds markup; unset: it is taken as it is",
    "disable_notification": "true sends silently",
    "protect_content": "true forbids forwarding and saving",
    "link_preview": "false leaves out the preview of a link",
    "message_thread_id": "topic of a forum group to post in",
    "as_document": "true sends attachments as files: uncompressed, of any type",
}


def _rule(kind: Any, mime_types: frozenset[str], method: str, **more: Any) -> MediaRule:
    given = {"use": "shown", "max_bytes": 50_000_000, "source": f"{_API}#{method}", "date": _READ_ON}
    return MediaRule(kind=kind, mime_types=mime_types, **{**given, **more})


class Telegram:
    declaration: ClassVar[Declaration] = Declaration(
        name="telegram",
        title="Telegram",
        documentation=_API,
        default_base_url="https://api.telegram.org",
        features=frozenset({"media", "link", "thread", "first_comment", "poll"}),
        limits=tuple(
            Limit(name=name, value=value, unit=unit, source=f"{_API}#{method}", date=_READ_ON)
            for name, value, unit, method in (
                ("text", 4096, "UTF-16 code units", "sendmessage"),
                ("caption", 1024, "UTF-16 code units", "sendphoto"),
                ("media", 10, "attachments", "sendmediagroup"),
                ("photo_sides", 10_000, "pixels wide and high together", "sendphoto"),
                ("question", 300, "UTF-16 code units", "sendpoll"),
                ("poll_options", 12, "options", "sendpoll"),
                ("poll_option", 100, "UTF-16 code units", "inputpolloption"),
                ("poll_min_seconds", 5, "seconds", "sendpoll"),
                ("poll_max_seconds", 2_628_000, "seconds", "sendpoll"),
            )
        ),
        media=(
            _rule("image", _PHOTOS, "sendphoto", max_bytes=10_000_000, min_ratio=1 / 20, max_ratio=20),
            _rule("image", frozenset({"image/gif"}), "sendanimation"),
            _rule("video", frozenset({"video/mp4"}), "sendvideo"),
            _rule("document", _OTHERS, "senddocument"),
            _rule("document", FILE_TYPES, "senddocument", use="document"),
        ),
        credentials=(Credentials(name="bot", required=("bot_token",)),),
        settings={
            "chat_id": "where to post: @channelname, or the number of a channel or group; the bot must be its admin",
            **_CHOICES,
        },
        options=_CHOICES,
        reconcile="none",
        honest_limits="Bots cannot read back what they sent: a post whose answer was lost waits for a person. Files go "
        "with the message itself, so a large one must get through within the send deadline.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        """Telegram knows no keys; ours separates the parts of an upload, the same way each time."""
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        problems = [problem for step in steps for problem in _problems(step, {**settings, **step.options})]
        if not settings.get("chat_id"):
            problems.append(Problem(field="settings.chat_id", message="missing: which chat to post in"))
        return problems

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        where, token = str(account), str(credentials.get("bot_token") or "")
        if not re.fullmatch(r"[\w:-]+", token, re.ASCII):
            raise AuthExpired(
                f"{where}: there is no usable bot token",
                hint="It looks like 123456789:letters-and-digits, as @BotFather gave it.",
            )

        def sign(request: httpx.Request) -> None:
            request.url = request.url.copy_with(path=request.url.path.replace(_PATH, f"/bot{token}/"))

        return Session(
            base_url=self.declaration.base_url(account.settings),
            where=where,
            http=http,
            authorize=sign,
            explain=lambda answer: _explain(answer, where, token),
            limits=_limits_seen,
            account_id=account.external_id,
            settings=account.settings,
            app=app,
        )

    def prepare(self, step: Step, session: Session) -> Ready:
        """The rendered request: {"method", "fields", "files": names of the multipart parts, in the media's order}.

        Asks nothing: whatever Telegram would say of the chat, it says when we send, and then nothing was sent.
        """
        chat = str(session.settings.get("chat_id") or "")
        if not chat:
            raise PlatformFailure(
                f"{session.where}: no chat_id is set",
                retryable=False,
                hint="`socialcron accounts set ID chat_id=@channelname` names it.",
            )
        choice = {**session.settings, **step.options}
        fields: dict[str, Any] = {"chat_id": _whole(chat) or chat}
        if thread := _whole(choice.get("message_thread_id")):
            fields["message_thread_id"] = thread
        for name in ("disable_notification", "protect_content"):
            if flag(choice.get(name)):
                fields[name] = True
        if step.parent:
            fields["reply_parameters"] = {"message_id": _message_id(step.parent, session)}
        return Ready(request=_render(step, choice, fields))

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Send one message, or one album; files are streamed from disk.

        `remote_id` is CHAT/MESSAGE, because messages are numbered per chat; for an album the first one's, and
        `extra["message_ids"]` has all of them.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://core.telegram.org/bots/api#sendmessage, #sendphoto, #sendmediagroup, #sending-files
        """
        path, fields = _PATH + step.request["method"], step.request["fields"]
        if names := step.request.get("files"):
            with ExitStack() as opened:
                answer = session.write(
                    "POST",
                    path,
                    data={name: _form_text(value) for name, value in fields.items()},
                    files=[
                        (name, (file_name(item), opened.enter_context(open_file(item)), item.mime_type))
                        for name, item in zip(names, step.media, strict=True)
                    ],
                    # Of our making, so that a resend is the same to the byte.
                    headers={"content-type": f"multipart/form-data; boundary={step.key}"},
                )
        else:
            answer = session.write("POST", path, json=fields)
        if confirmed := _confirmed(answer.json, fields["chat_id"]):
            return confirmed
        raise OutcomeUnknown(
            f"{session.where}: the answer to the new message has no usable message_id",
            http_status=answer.status,
        )

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """There is nothing to ask: bots cannot read a chat's history."""
        return Look(complete=False)

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """Tokens live until @BotFather revokes them."""
        return False

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        raise AuthExpired(f"{account}: bot tokens cannot be refreshed", hint="Ask @BotFather for a new one.")

    def identify(self, session: Session) -> Identity:
        """The chat, for that is what an account is: one bot may serve many.

        Source: https://core.telegram.org/bots/api#getchat
        """
        chat = _result(
            session.read("POST", f"{_PATH}getChat", json={"chat_id": session.settings.get("chat_id")}).json
        )
        number = _number(chat, "id")
        if number is None:
            raise PlatformFailure(f"{session.where}: the answer has no usable chat", retryable=True)
        username = optional_str(chat, "username")
        return Identity(
            external_id=str(number), handle=f"@{username}" if username else optional_str(chat, "title") or ""
        )


# --- before the network --------------------------------------------------------------------------------


def _problems(step: Step, choice: Mapping[str, Any]) -> Iterator[Problem]:
    limit = Telegram.declaration.limit
    yield from _choice_problems(step, choice)
    name, text = field(step), with_link(step.text, step.link)
    if not (text.strip() or step.media):
        yield Problem(field=name, message="empty, without media")
    kind = "question" if step.poll else "caption" if step.media else "text"
    if (length := _length(text, choice.get("parse_mode"))) > limit(kind):
        called = "" if kind == "text" else f" as a {kind}"
        yield Problem(
            field=name,
            message=f"{length} UTF-16 code units, Telegram takes at most {limit(kind):.0f}{called}",
        )
    if step.poll:
        yield from _poll_problems(step)
    if len(step.media) > limit("media"):
        yield Problem(field="media", message=f"{len(step.media)} attachments, at most {limit('media'):.0f}")
    use = "document" if flag(choice.get("as_document")) else "shown"
    yield from media_problems(step.media, Telegram.declaration.media, use=use)
    kinds = [_kind(item, choice) for item in step.media if item.mime_type]
    for number, item in enumerate(step.media, 1):
        sides = (item.width or 0) + (item.height or 0)
        if _kind(item, choice) == "photo" and sides > limit("photo_sides"):
            yield Problem(
                field=f"media[{number}]",
                message=f"{item.source} is {item.width} by {item.height} pixels, together {sides}, "
                f"at most {limit('photo_sides'):.0f}",
            )
    if len(step.media) > 1 and "animation" in kinds:
        yield Problem(field="media", message=f"{len(step.media)} attachments, a GIF only goes alone (1)")
    if "document" in kinds and {*kinds} & {"photo", "video"}:
        yield Problem(
            field="media",
            message=f"{', '.join(kinds)}: photos and videos go together, and files with files; "
            "as_document=true sends all of them as files",
        )


def _choice_problems(step: Step, choice: Mapping[str, Any]) -> Iterator[Problem]:
    def problem(name: str, message: str) -> Problem:
        return Problem(field=f"{'options' if name in step.options else 'settings'}.{name}", message=message)

    if choice.get("parse_mode") not in (None, "", "HTML", "MarkdownV2"):
        yield problem("parse_mode", f"{choice['parse_mode']!r} is neither HTML nor MarkdownV2")
    for name in ("disable_notification", "protect_content", "link_preview", "as_document"):
        if choice.get(name) is not None and flag(choice[name]) is None:
            yield problem(name, f"{choice[name]!r} is neither true nor false")
    if choice.get("message_thread_id") is not None and not _whole(choice["message_thread_id"]):
        yield problem("message_thread_id", f"{choice['message_thread_id']!r} is no number")


def _poll_problems(step: Step) -> Iterator[Problem]:
    poll, limit = step.poll, Telegram.declaration.limit
    assert poll is not None
    if step.media:
        yield Problem(field="poll", message="Telegram takes a poll or media, not both")
    yield from poll_option_problems(poll, Telegram.declaration)
    least, most = limit("poll_min_seconds"), limit("poll_max_seconds")
    if not least <= poll.duration_seconds <= most:
        yield Problem(
            field="poll",
            message=f"open for {poll.duration_seconds} s, Telegram takes {least:.0f} to {most:.0f} s",
        )


def _length(text: str, parse_mode: Any) -> int:
    """UTF-16 code units after Telegram has parsed the markup; of MarkdownV2 rather too few than too many.

    Entities are measured in these units; whether the limit of a text is, too, is not said, and never makes it longer.
    """
    if parse_mode == "HTML":
        text = html.unescape(re.sub(r"<[^<>]*>", "", text))
    elif parse_mode == "MarkdownV2":
        text = re.sub(r"\]\([^)]*\)|[\\*_~`|\[\]]", "", text)
    return utf16_units(text)


def _kind(item: Media, choice: Mapping[str, Any]) -> str:
    """What of `_METHODS` sends it; a file whose type is not known yet counts as a document."""
    if flag(choice.get("as_document")):
        return "document"
    if item.mime_type in _PHOTOS:
        return "photo"
    return {"video/mp4": "video", "image/gif": "animation"}.get(item.mime_type or "", "document")


# --- requests and answers ------------------------------------------------------------------------------


def _render(step: Step, choice: Mapping[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    parse_mode = choice.get("parse_mode") or None
    text = with_link(step.text, _escaped(step.link, parse_mode) if step.link else None)
    if step.poll:
        fields |= {
            "question": text,
            "options": [{"text": option} for option in step.poll.options],
            "allows_multiple_answers": step.poll.multiple,
            "open_period": step.poll.duration_seconds,
        }
        return {"method": "sendPoll", "fields": fields}
    marked = {"parse_mode": parse_mode} if parse_mode and text else {}
    if not step.media:
        if flag(choice.get("link_preview")) is False:
            fields["link_preview_options"] = {"is_disabled": True}
        elif step.link:
            fields["link_preview_options"] = {"url": step.link}
        return {"method": "sendMessage", "fields": fields | {"text": text} | marked}
    caption = {"caption": text} | marked if text else {}
    items = [_input(item, _kind(item, choice)) for item in step.media]
    if len(items) == 1:
        (item,) = items
        kind = item.pop("type")
        return {"method": _METHODS[kind], "fields": fields | caption | item, "files": [kind]}
    names = [f"file{number}" for number in range(len(items))]
    for item, name in zip(items, names, strict=True):
        item["media"] = f"attach://{name}"
    items[0] |= caption  # on the first alone, it shows for the album
    return {"method": "sendMediaGroup", "fields": fields | {"media": items}, "files": names}


def _input(item: Media, kind: str) -> dict[str, Any]:
    """What there is to say of one attachment beside its bytes."""
    told: dict[str, Any] = {"type": kind}
    if kind == "video":
        told["supports_streaming"] = True
        measures = {"width": item.width, "height": item.height, "duration": item.duration_seconds}
        told |= {name: round(value) for name, value in measures.items() if value}
    return told


def _escaped(link: str, parse_mode: str | None) -> str:
    """A bare link as it has to stand in marked-up text. Source: https://core.telegram.org/bots/api#formatting-options"""
    if parse_mode == "HTML":
        return html.escape(link, quote=False)
    return re.sub(r"([\\_*\[\]()~`>#+=|{}.!-])", r"\\\1", link) if parse_mode == "MarkdownV2" else link


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _message_id(parent: Confirmed, session: Session) -> int:
    """Of a post of ours. One that a person resolved has the end of the address given as its id."""
    number = _whole(parent.remote_id.rpartition("/")[2])
    if number is None:
        raise Rejected(f"{session.where}: {parent.remote_id!r} is no message that could be replied to")
    return number


def _confirmed(body: Any, chat_id: int | str) -> Confirmed | None:
    """None unless every message has its number; 0 stands for a large video that is yet to be sent."""
    result = _result(body)
    messages = result if isinstance(result, list) else [result]
    ids = [_number(message, "message_id") or 0 for message in messages]
    if not ids or min(ids) < 1:
        return None
    chat = messages[0].get("chat")
    where, name = _number(chat, "id") or chat_id, optional_str(chat, "username")
    if name:
        url: str | None = f"https://t.me/{name}/{ids[0]}"
    else:  # channels and supergroups only: smaller groups have no links
        url = f"https://t.me/c/{str(where)[4:]}/{ids[0]}" if str(where).startswith("-100") else None
    return Confirmed(
        remote_id=f"{where}/{ids[0]}", url=url, extra={"message_ids": ids} if len(ids) > 1 else {}
    )


def _result(body: Any) -> Any:
    return body.get("result") if isinstance(body, Mapping) and body.get("ok") is True else None


def _explain(answer: Answer, where: str, token: str) -> PlatformError:
    """By status, which equals the body's error_code, and by words where one status means several things.

    Source: https://core.telegram.org/bots/api#making-requests and #responseparameters
    """
    status, detail = (
        answer.status,
        (optional_str(answer.json, "description") or "").replace(token, "[token]")[:300],
    )
    said, words = f"{where}: HTTP {status}{': ' + detail if detail else ''}", detail.lower()
    if (moved := _parameter(answer, "migrate_to_chat_id")) is not None:
        return PlatformFailure(
            said,
            retryable=False,
            hint=f"The group became a supergroup: `socialcron accounts set ID chat_id={moved}`, then retry the post.",
            http_status=status,
        )
    if status == 401:
        return AuthExpired(said, hint="Ask @BotFather for a new token.", http_status=status)
    if status == 429:
        return RateLimited(said, retry_after=_retry_after(answer), http_status=status)
    if status in (403, 404) and not isinstance(answer.json, Mapping):
        # Telegram always answers in JSON: this is something in front of it, which says nothing of the token.
        return PlatformFailure(
            f"{said}, not from Telegram", retryable=True, hint="Is base_url right?", http_status=status
        )
    if status == 404:
        return AuthExpired(
            said, hint="That is how Telegram answers to a malformed token.", http_status=status
        )
    if status == 403 or (
        status == 400 and ("not enough rights" in words or "need administrator rights" in words)
    ):
        return AuthExpired(
            said, hint="Make the bot an admin of the chat, with the right to post.", http_status=status
        )
    if status == 400 and "chat not found" in words:
        return Rejected(said, hint="Is chat_id right, and the bot a member of the chat?", http_status=status)
    if status >= 500:
        return PlatformFailure(said, retryable=True, retry_after=answer.retry_after, http_status=status)
    return default_error(answer, where, detail)


def _parameter(answer: Answer, name: str) -> int | None:
    return _number(answer.json.get("parameters"), name) if isinstance(answer.json, Mapping) else None


def _retry_after(answer: Answer) -> float | None:
    """The body's is the contract, and a second more than that is wise; some servers send the header, too."""
    told = _parameter(answer, "retry_after")
    waits = [answer.retry_after, None if told is None or told < 0 else told + 1.0]
    return max((wait for wait in waits if wait is not None), default=None)


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """There are no usage headers; only flood control speaks up."""
    if answer.status == 429:
        family = "publish" if "/send" in answer.path else "read"
        yield LimitSeen(family=family, retry_after=_retry_after(answer), blocked=True)


# --- small parsers -------------------------------------------------------------------------------------


def _number(body: Any, key: str) -> int | None:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    """A number that may be written as text; None for anything else."""
    return int(value) if re.fullmatch(r"-?[0-9]{1,18}", str(value)) else None
