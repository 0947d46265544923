"""Discord channels, through an incoming webhook. API v10, read 2026-09-11: https://docs.discord.com/developers/reference

The webhook's token stands in the path of every address, so paths are written with `:token` in its place and get the
real one when they are signed; what Discord says is searched for it before it is quoted. A webhook cannot read its
channel. An account that also has a bot's token settles lost answers by listing the channel as that bot; without one
they are left to a person.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

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
    Closed,
    Confirmed,
    Identity,
    LimitSeen,
    Look,
    PreparedStep,
    Problem,
    Reading,
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
    Metrics,
    count,
    default_error,
    key_text,
    optional_str,
    require_str,
    total,
)
from socialcron.platforms.files import file_name, open_file
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import FILE_TYPES, IMAGE_TYPES, flag, media_problems, poll_option_problems
from socialcron.platforms.text import field, utf16_units, with_link

if TYPE_CHECKING:
    import httpx

_DOCS = "https://docs.discord.com/developers"
_WEBHOOK = f"{_DOCS}/resources/webhook#execute-webhook"
_EMBED = f"{_DOCS}/resources/message#embed-object-embed-limits"
_POLL = f"{_DOCS}/resources/poll#poll-create-request-object"
_FILES = f"{_DOCS}/reference#uploading-files"
_READ_ON = "2026-09-11"
_PATH = "/api/v10/webhooks/:id/:token"

_ADDRESS = re.compile(
    r"https://(?:[\w-]+\.)?discord(?:app)?\.com/api(?:/v\d+)?/webhooks/(\d+)/([\w-]+)/?", re.ASCII
)
_NOT_THERE = (10003, 10008, 10015)  # channel, message, webhook: what a 404 says in Discord's own words
_EPOCH_MS = 1_420_070_400_000  # https://docs.discord.com/developers/reference#snowflakes
_SUPPRESS_EMBEDS = 4  # https://docs.discord.com/developers/resources/message#message-object-message-flags
_FILE_BYTES = 10 * 2**20  # each; servers that were boosted take more, webhooks are not told how much
_PAGE = 100
_MAX_PAGES = 20
_MENTIONS = ("everyone", "roles", "users")
# Where the texts of an embed are, and which limit is theirs.
_EMBED_TEXTS = {
    "title": "embed_title",
    "description": "embed_description",
    "footer.text": "embed_footer",
    "author.name": "embed_author",
    "name": "embed_field_name",
    "value": "embed_field_value",
}
_CHOICES = {
    "username": "name shown instead of the webhook's own",
    "avatar_url": "picture shown instead of the webhook's own",
    "thread_id": "thread of the channel to post in",
    "suppress_embeds": "true leaves out the previews of links",
    "mentions": "who may be notified: of everyone, roles and users; unset: nobody",
}


class Discord:
    declaration: ClassVar[Declaration] = Declaration(
        name="discord",
        title="Discord",
        documentation=f"{_DOCS}/resources/webhook",
        default_base_url="https://discord.com",
        features=frozenset({"media", "alt_text", "link", "poll"}),
        limits=tuple(
            Limit(name=name, value=value, unit=unit, source=source, date=_READ_ON)
            for name, value, unit, source in (
                ("text", 2000, "UTF-16 code units", _WEBHOOK),
                ("username", 80, "UTF-16 code units", _WEBHOOK),
                ("media", 10, "attachments", _FILES),
                ("request_bytes", 25 * 2**20, "bytes together", _FILES),
                ("alt_text", 1024, "UTF-16 code units", f"{_DOCS}/resources/message#attachment-object"),
                ("embeds", 10, "embeds", _WEBHOOK),
                ("embed_text", 6000, "UTF-16 code units in all embeds together", _EMBED),
                ("embed_title", 256, "UTF-16 code units", _EMBED),
                ("embed_description", 4096, "UTF-16 code units", _EMBED),
                ("embed_fields", 25, "fields", _EMBED),
                ("embed_field_name", 256, "UTF-16 code units", _EMBED),
                ("embed_field_value", 1024, "UTF-16 code units", _EMBED),
                ("embed_footer", 2048, "UTF-16 code units", _EMBED),
                ("embed_author", 256, "UTF-16 code units", _EMBED),
                ("poll_question", 300, "UTF-16 code units", _POLL),
                ("poll_options", 10, "options", _POLL),
                ("poll_option", 55, "UTF-16 code units", _POLL),
                ("poll_max_hours", 768, "hours", _POLL),
            )
        ),
        media=(
            MediaRule(
                kind="image", mime_types=IMAGE_TYPES, max_bytes=_FILE_BYTES, source=_FILES, date=_READ_ON
            ),
            MediaRule(
                kind="document",
                mime_types=FILE_TYPES - IMAGE_TYPES,
                max_bytes=_FILE_BYTES,
                source=_FILES,
                date=_READ_ON,
            ),
        ),
        credentials=(
            Credentials(
                name="webhook",
                required=("webhook_url",),
                optional=("bot_token",),
            ),
        ),
        settings=_CHOICES,
        options={
            **_CHOICES,
            "thread_name": "title of the new thread, in forum and media channels",
            "embeds": "list of embed objects, as Discord documents them",
        },
        metrics=Metrics(
            batch_size=1,
            counts=frozenset({"likes"}),
            source=f"{_DOCS}/resources/webhook#get-webhook-message",
            date=_READ_ON,
        ),
        reconcile="listing",
        honest_limits="Webhooks cannot read their channel. With a bot_token (a bot that may View Channel and Read "
        "Message History, and has the Message Content intent) lost answers are settled by listing the channel; without "
        "one they wait for a person. Files go with the message itself, so they must get through within the send "
        "deadline.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        """Webhooks know no keys, nonces are for bots; ours separates the parts of an upload, each time the same way."""
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        """Whether Discord counts code points or UTF-16 code units is not said: the latter never count less."""
        return [problem for step in steps for problem in _problems(step, {**settings, **step.options})]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        """Only id and token are taken from `webhook_url`; requests go to Discord, or to the account's base_url."""
        where, bot_token = str(account), str(credentials.get("bot_token") or "")
        address = _ADDRESS.fullmatch(str(credentials.get("webhook_url") or ""))
        if address is None:
            raise AuthExpired(
                f"{where}: there is no usable webhook_url",
                hint="It looks like https://discord.com/api/webhooks/NUMBER/TOKEN (channel settings, Integrations).",
            )
        webhook_id, token = address.groups()

        def sign(request: httpx.Request) -> None:
            if "/webhooks/" in request.url.path:
                path = request.url.path.replace("/webhooks/:id/:token", f"/webhooks/{webhook_id}/{token}")
                request.url = request.url.copy_with(path=path)
            else:
                request.headers["authorization"] = f"Bot {bot_token}"

        def explain(answer: Answer) -> PlatformError:
            return _explain(answer, where, [secret for secret in (token, bot_token) if secret])

        return Session(
            base_url=self.declaration.base_url(account.settings),
            where=where,
            http=http,
            authorize=sign,
            explain=explain,
            limits=_limits_seen,
            account_id=account.external_id,
            settings={**account.settings, "can_read": bool(bot_token)},
            app=app,
        )

    def prepare(self, step: Step, session: Session) -> Ready:
        """The rendered request {"query", "body"}, and where it will appear, asked once in a run.

        handles: `webhook_id`, `channel_id` (of the thread, if it goes into one), `guild_id` (None: not said).
        A webhook that was deleted is noticed here, before anything is sent to it.
        Source: https://docs.discord.com/developers/resources/webhook#get-webhook-with-token
        """
        choice = {**session.settings, **step.options}
        handles = dict(session.once("webhook", _ask_webhook))
        if choice.get("thread_id"):
            handles["channel_id"] = str(choice["thread_id"])
        if choice.get("thread_name"):
            handles["channel_id"] = None  # a thread that is yet to be
        query = {"wait": "true"}  # else an answer says nothing of whether the message was saved
        if choice.get("thread_id"):
            query["thread_id"] = str(choice["thread_id"])
        return Ready(request={"query": query, "body": _render(step, choice)}, handles=handles)

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Send one message; files are streamed from disk.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://docs.discord.com/developers/resources/webhook#execute-webhook
        """
        query, body = dict(step.request["query"]), step.request["body"]
        if attachments := body.get("attachments"):
            with ExitStack() as opened:
                payload = json.dumps(body, ensure_ascii=False).encode()
                files: list[Any] = [("payload_json", (None, payload, "application/json"))]
                for told, item in zip(attachments, step.media, strict=True):
                    file = opened.enter_context(open_file(item))
                    kind = item.mime_type or "application/octet-stream"
                    files.append((f"files[{told['id']}]", (told["filename"], file, kind)))
                answer = session.write(
                    "POST",
                    _PATH,
                    params=query,
                    files=files,
                    # Of our making, so that a resend is the same to the byte.
                    headers={"content-type": f"multipart/form-data; boundary={step.key}"},
                )
        else:
            answer = session.write("POST", _PATH, params=query, json=body)
        remote_id = optional_str(answer.json, "id")
        if remote_id is None:
            raise OutcomeUnknown(
                f"{session.where}: the answer to the new message has no id", http_status=answer.status
            )
        return _confirmed(answer.json, remote_id, step.handles)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """List the channel as the bot, back to 60 s before the first send, for messages of this webhook.

        A bot without Read Message History is answered with an empty list, and one without the Message Content intent
        with messages that hold nothing: neither proves an absence. That the bot may not read never disconnects the
        account, which posts without it.
        Source: https://docs.discord.com/developers/resources/message#get-channel-messages
        """
        channel_id = step.handles.get("channel_id")
        if not session.settings.get("can_read"):
            return _unanswerable("a webhook cannot read its channel")
        if channel_id is None:
            return Look(
                complete=False, unanswerable="it opened a thread of its own, of which only the title is known"
            )
        if step.first_sending_at is None:
            return Look(complete=False)
        since = step.first_sending_at - timedelta(seconds=60)
        matches: list[Confirmed] = []
        doubtful, before = False, ""
        for _ in range(_MAX_PAGES):
            query = {"limit": str(_PAGE)} | ({"before": before} if before else {})
            answer = session.read(
                "GET", f"/api/v10/channels/{channel_id}/messages", params=query, accept=(401, 403, 404)
            )
            if not answer.ok:
                return _unanswerable(f"the bot may not read the channel: {session.explain(answer).message}")
            messages = answer.json
            if not isinstance(messages, list):
                raise PlatformFailure(f"{session.where}: the list of messages is not a list", retryable=True)
            for message in messages:
                remote_id = require_str(message, "id", session.where)
                if _made_at(remote_id, session.where) < since:
                    return Look(matches=tuple(matches), complete=not doubtful)
                if message.get("webhook_id") == step.handles.get("webhook_id"):
                    same = _same(message, step.request["body"])
                    doubtful |= same is None
                    if same:
                        matches.append(_confirmed(message, remote_id, step.handles))
                before = remote_id
            if not messages:  # the channel's beginning, if there was anything to see at all
                return Look(matches=tuple(matches), complete=bool(before) and not doubtful)
        return Look(matches=tuple(matches), complete=False)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Closed]:
        """Reactions to one message; there are none where it lists none. Discord counts nothing else.

        What is not found is not asked for again, as Discord demands. It need not be deleted: a message whose own
        options sent it to a thread is found there alone.
        Source: https://docs.discord.com/developers/resources/webhook#get-webhook-message
        """
        [remote_id] = remote_ids
        thread_id = session.settings.get("thread_id")
        answer = session.read(
            "GET",
            f"{_PATH}/messages/{quote(remote_id, safe='')}",
            params={"thread_id": str(thread_id)} if thread_id else None,
            accept=(404,),
        )
        if not answer.ok:
            refusal = session.explain(answer)
            if not isinstance(answer.json, Mapping) or answer.json.get("code") not in _NOT_THERE:
                raise refusal
            return {remote_id: Closed(refusal)}
        require_str(answer.json, "id", session.where)
        listed = answer.json.get("reactions") or []
        if not isinstance(listed, list):
            listed = [None]
        reactions = [count(one.get("count")) if isinstance(one, Mapping) else None for one in listed]
        return {remote_id: Reading(likes=total(*reactions), raw={"reactions": reactions})}

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """A webhook's token lives as long as the webhook."""
        return False

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        raise AuthExpired(
            f"{account}: webhooks cannot be refreshed", hint="Make a new webhook for the channel."
        )

    def identify(self, session: Session) -> Identity:
        """Source: https://docs.discord.com/developers/resources/webhook#get-webhook-with-token"""
        body = session.read("GET", _PATH).json
        return Identity(
            external_id=require_str(body, "id", session.where), handle=optional_str(body, "name") or ""
        )


def _ask_webhook(session: Session) -> dict[str, str | None]:
    webhook = session.read("GET", _PATH).json
    return {
        "webhook_id": require_str(webhook, "id", session.where),
        "channel_id": require_str(webhook, "channel_id", session.where),
        "guild_id": optional_str(webhook, "guild_id"),
    }


# --- before the network --------------------------------------------------------------------------------


def _problems(step: Step, choice: Mapping[str, Any]) -> Iterator[Problem]:
    limit = Discord.declaration.limit
    name, text, embeds = field(step), with_link(step.text, step.link), choice.get("embeds")
    if not (text.strip() or step.media or embeds):
        yield Problem(field=name, message="empty, without media and embeds")
    longest = limit("poll_question" if step.poll else "text")
    if (length := utf16_units(step.text if step.poll else text)) > longest:
        yield Problem(
            field=name,
            message=f"{length} UTF-16 code units, Discord takes at most {longest:.0f}"
            + (" as the question of a poll" if step.poll else ""),
        )
    yield from _media_problems(step)
    if step.poll:
        yield from _poll_problems(step)
    if embeds is not None:
        yield from _embed_problems(embeds)
    for option, message in _choice_problems(choice):
        yield Problem(
            field=f"{'options' if option in step.options else 'settings'}.{option}", message=message
        )


def _media_problems(step: Step) -> Iterator[Problem]:
    limit = Discord.declaration.limit
    if len(step.media) > limit("media"):
        yield Problem(field="media", message=f"{len(step.media)} attachments, at most {limit('media'):.0f}")
    if (together := sum(item.size_bytes or 0 for item in step.media)) > limit("request_bytes"):
        yield Problem(
            field="media", message=f"{together} bytes together, at most {limit('request_bytes'):.0f}"
        )
    yield from media_problems(step.media, Discord.declaration.media)
    for number, item in enumerate(step.media, 1):
        if (length := utf16_units(item.alt or "")) > limit("alt_text"):
            yield Problem(
                field=f"media[{number}]",
                message=f"alt text of {length} UTF-16 code units, at most {limit('alt_text'):.0f}",
            )


def _poll_problems(step: Step) -> Iterator[Problem]:
    poll, limit = step.poll, Discord.declaration.limit
    assert poll is not None
    if step.media:
        yield Problem(field="poll", message="either a poll or media, not both")
    if not step.text.strip():
        yield Problem(field="poll", message="the text is a poll's question: it cannot be empty")
    yield from poll_option_problems(poll, Discord.declaration)
    hours = poll.duration_seconds / 3600
    if not 1 <= hours <= limit("poll_max_hours"):
        yield Problem(
            field="poll",
            message=f"open for {hours:g} hours, Discord takes 1 to {limit('poll_max_hours'):.0f}",
        )


def _embed_problems(embeds: Any) -> Iterator[Problem]:
    limit, where = Discord.declaration.limit, "options.embeds"
    if not isinstance(embeds, list) or not all(isinstance(embed, Mapping) for embed in embeds):
        yield Problem(field=where, message="must be a list of objects")
        return
    if len(embeds) > limit("embeds"):
        yield Problem(field=where, message=f"{len(embeds)} embeds, at most {limit('embeds'):.0f}")
    together = 0
    for number, embed in enumerate(embeds, 1):
        fields = embed.get("fields")
        if isinstance(fields, list) and len(fields) > limit("embed_fields"):
            yield Problem(
                field=f"{where}[{number}]",
                message=f"{len(fields)} fields, at most {limit('embed_fields'):.0f}",
            )
        for name, text in _embed_texts(embed):
            together += (length := utf16_units(text))
            if length > (most := limit(_EMBED_TEXTS[name])):
                yield Problem(
                    field=f"{where}[{number}]",
                    message=f"{name} of {length} UTF-16 code units, at most {most:.0f}",
                )
    if together > limit("embed_text"):
        yield Problem(
            field=where,
            message=f"{together} UTF-16 code units in all embeds together, at most {limit('embed_text'):.0f}",
        )


def _embed_texts(embed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of an embed that counts, with its name in `_EMBED_TEXTS`; Discord trims them."""
    fields = embed.get("fields")
    for part in (embed, *(fields if isinstance(fields, list) else ())):
        for name in _EMBED_TEXTS:
            value: Any = part
            for key in name.split("."):
                value = value.get(key) if isinstance(value, Mapping) else None
            if isinstance(value, str):
                yield name, value.strip()


def _choice_problems(choice: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    limit = Discord.declaration.limit
    if username := str(choice.get("username") or ""):
        if utf16_units(username) > limit("username"):
            yield "username", f"{utf16_units(username)} UTF-16 code units, at most {limit('username'):.0f}"
        if forbidden := [word for word in ("clyde", "discord") if word in username.lower()]:
            yield "username", f"must not contain {forbidden[0]!r}"
    if choice.get("avatar_url") and not str(choice["avatar_url"]).startswith("https://"):
        yield "avatar_url", "is no https URL"
    if choice.get("thread_id") and not re.fullmatch(r"[0-9]{1,20}", str(choice["thread_id"])):
        yield "thread_id", f"{choice['thread_id']!r} is no number"
    if choice.get("thread_id") and choice.get("thread_name"):
        yield "thread_name", "either a new thread, or one there is (thread_id)"
    if choice.get("suppress_embeds") is not None and flag(choice["suppress_embeds"]) is None:
        yield "suppress_embeds", f"{choice['suppress_embeds']!r} is neither true nor false"
    if strange := sorted({*_words(choice.get("mentions"))} - {*_MENTIONS}):
        yield "mentions", f"{strange[0]!r} is none of {', '.join(_MENTIONS)}"


def _words(value: Any) -> list[str]:
    """A list, or a text with commas or spaces between its words; none for an empty one."""
    return (
        [str(word) for word in value] if isinstance(value, list) else re.findall(r"[^,\s]+", str(value or ""))
    )


# --- requests and answers ------------------------------------------------------------------------------


def _render(step: Step, choice: Mapping[str, Any]) -> dict[str, Any]:
    content = step.link or "" if step.poll else with_link(step.text, step.link)
    body: dict[str, Any] = {"content": content} if content else {}
    body["allowed_mentions"] = {"parse": sorted({*_words(choice.get("mentions"))})}
    for name in ("username", "avatar_url", "thread_name"):
        if choice.get(name):
            body[name] = str(choice[name])
    if choice.get("embeds"):
        body["embeds"] = choice["embeds"]
    if flag(choice.get("suppress_embeds")):
        body["flags"] = _SUPPRESS_EMBEDS
    if step.poll:
        body["poll"] = {
            "question": {"text": step.text},
            "answers": [{"poll_media": {"text": option}} for option in step.poll.options],
            "duration": math.ceil(step.poll.duration_seconds / 3600),
            "allow_multiselect": step.poll.multiple,
        }
    if step.media:
        body["attachments"] = [
            {"id": number, "filename": file_name(item)} | ({"description": item.alt} if item.alt else {})
            for number, item in enumerate(step.media)
        ]
    return body


def _confirmed(message: Mapping[str, Any], remote_id: str, handles: Mapping[str, Any]) -> Confirmed:
    channel_id, guild_id = (
        optional_str(message, "channel_id") or handles.get("channel_id"),
        handles.get("guild_id"),
    )
    known = channel_id and guild_id
    return Confirmed(
        remote_id=remote_id,
        url=f"https://discord.com/channels/{guild_id}/{channel_id}/{remote_id}" if known else None,
    )


def _unanswerable(why: str) -> Look:
    hint = "a bot_token that may View Channel and Read Message History would settle such posts"
    return Look(complete=False, unanswerable=f"{why} ({hint})")


def _explain(answer: Answer, where: str, secrets: Sequence[str]) -> PlatformError:
    """By the body's code where there is one, else by status.

    Source: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
    """
    status, body = answer.status, answer.json
    code = body.get("code") if isinstance(body, Mapping) else None
    detail = "; ".join(_details(body)) if isinstance(body, Mapping) else ""
    for secret in secrets:
        detail = detail.replace(secret, "[token]")
    said = f"{where}: HTTP {status}{': ' + detail[:300] if detail else ''}"
    if status == 429 or code in (20016, 20028, 20029):
        return RateLimited(said, retry_after=_retry_after(answer), http_status=status)
    if code == 130000 or status >= 500:
        return PlatformFailure(said, retryable=True, retry_after=answer.retry_after, http_status=status)
    if code in (10003, 10008):
        return Rejected(said, hint="The channel, thread or message is gone.", http_status=status)
    if status in (401, 404) or code in (50027, 10015):
        # A 404 is never to be asked again, whatever it says: https://docs.discord.com/developers/topics/rate-limits
        hint = "The webhook was deleted or its token is wrong: make a new one for the channel."
        return AuthExpired(said, hint=hint, http_status=status)
    if code in (50013, 50001):
        return AuthExpired(said, hint="The webhook lacks permission in this channel.", http_status=status)
    if status == 403 and code is None:
        # Cloudflare, after too many refused requests from this host: no word of the webhook's.
        return PlatformFailure(f"{said}, not from Discord itself", retryable=True, http_status=status)
    if code == 40005:
        return Rejected(said, http_status=status)
    return default_error(answer, where, detail[:300])


def _details(body: Mapping[str, Any]) -> Iterator[str]:
    """The message, then what is wrong with which part of the request ("content: Must be 2000 or fewer in length.").

    Source: https://docs.discord.com/developers/reference#error-messages
    """
    if message := optional_str(body, "message"):
        yield message

    def walk(part: Any, path: str) -> Iterator[str]:
        if isinstance(part, Mapping) and len(path) < 200:
            for key, inner in part.items():
                if key == "_errors" and isinstance(inner, list):
                    yield from (
                        f"{path}: {message}" for item in inner if (message := optional_str(item, "message"))
                    )
                else:
                    yield from walk(inner, f"{path}.{key}" if path else str(key))

    yield from walk(body.get("errors"), "")


def _retry_after(answer: Answer) -> float | None:
    """The larger of the body's (float seconds) and the header's (whole seconds); None where neither says."""
    told = _seconds(answer.json.get("retry_after")) if isinstance(answer.json, Mapping) else None
    return max((wait for wait in (answer.retry_after, told) if wait is not None), default=None)


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """One bucket per webhook. A global limit holds for everything this host sends without an Authorization header.

    Source: https://docs.discord.com/developers/topics/rate-limits
    """
    headers, blocked = answer.headers, answer.status == 429
    if not blocked and "x-ratelimit-remaining" not in headers:
        return
    reset = _seconds(headers.get("x-ratelimit-reset"))
    everything = blocked and headers.get("x-ratelimit-global", "").lower() == "true"
    yield LimitSeen(
        family="publish" if answer.method == "POST" or everything else "read",
        limit=_whole(headers.get("x-ratelimit-limit")),
        remaining=_whole(headers.get("x-ratelimit-remaining")),
        reset_at=datetime.fromtimestamp(reset, UTC) if reset and reset < 1e11 else None,
        retry_after=_retry_after(answer) if blocked else None,
        blocked=blocked,
    )


# --- finding our own messages again --------------------------------------------------------------------


def _made_at(remote_id: str, where: str) -> datetime:
    """A message's id tells when it was made. Source: https://docs.discord.com/developers/reference#snowflakes"""
    number = _whole(remote_id)
    if number is None or number >= 1 << 64:
        raise PlatformFailure(f"{where}: a message has no usable id", retryable=True)
    return datetime.fromtimestamp(((number >> 22) + _EPOCH_MS) / 1000, UTC)


def _same(message: Mapping[str, Any], body: Mapping[str, Any]) -> bool | None:
    """Whether a message of our webhook is the one sent as `body`; None when the bot is not shown what it says."""
    if not any(message.get(part) for part in ("content", "embeds", "attachments", "components", "poll")):
        return None
    attachments, embeds = (message.get(part) or [] for part in ("attachments", "embeds"))
    shown = [_headline(embed) for embed in embeds]
    return (
        _plain(message.get("content")) == _plain(body.get("content"))
        and len(attachments) == len(body.get("attachments", ()))
        and _plain(_question(message)) == _plain(_question(body))
        and all(_headline(embed) in shown for embed in body.get("embeds", ()))
    )


def _headline(embed: Any) -> tuple[str, str]:
    part = embed if isinstance(embed, Mapping) else {}
    return _plain(part.get("title")), _plain(part.get("description"))


def _question(body: Mapping[str, Any]) -> Any:
    part: Any = body
    for name in ("poll", "question", "text"):
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


def _plain(text: Any) -> str:
    """Without spaces and invisible characters: Discord trims, and strips what it finds unfit."""
    whole = unicodedata.normalize("NFC", text if isinstance(text, str) else "")
    return "".join(c for c in whole if c.isprintable() and not c.isspace())


# --- small parsers -------------------------------------------------------------------------------------


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value) else None


def _seconds(value: Any) -> float | None:
    """Seconds from a number or its text; None for anything else, infinite or negative ones too."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
