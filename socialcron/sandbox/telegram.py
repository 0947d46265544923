"""Telegram Bot API 10.1: one bot per chat, posting into it.

Sources: core.telegram.org/bots/api (methods, types, making requests, formatting options), tdlib/telegram-bot-api
(Client.cpp, Query.cpp) for the texts of errors, 2026-09.
"""

from __future__ import annotations

import html
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Limit, Platform, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.wire import Part, Reply, Request

MAX_TEXT, MAX_CAPTION, MAX_QUESTION, MAX_OPTION = 4096, 1024, 300, 100
MAX_OPTIONS = 12
OPEN_SECONDS = (5, 2_628_000)
PHOTO_BYTES, FILE_BYTES = 10_000_000, 50_000_000
PHOTO_BY_URL_BYTES, FILE_BY_URL_BYTES = 5_000_000, 20_000_000
PHOTO_SIDES, PHOTO_RATIO = 10_000, 20
TAGS = re.compile(r"b|strong|i|em|u|ins|s|strike|del|span|tg-spoiler|a|tg-emoji|code|pre|blockquote")

# Parameter -> type. What is not here is refused, although Telegram itself would ignore it.
_COMMON: dict[str, type] = {
    "chat_id": object,
    "message_thread_id": int,
    "disable_notification": bool,
    "protect_content": bool,
    "reply_parameters": dict,
}
_CAPTION: dict[str, type] = {"caption": str, "parse_mode": str}
_SIZE: dict[str, type] = {"duration": int, "width": int, "height": int}
_PARAMETERS: dict[str, dict[str, type]] = {
    "sendMessage": {"text": str, "parse_mode": str, "link_preview_options": dict},
    "sendPhoto": {"photo": str, **_CAPTION},
    "sendVideo": {"video": str, "supports_streaming": bool, **_CAPTION, **_SIZE},
    "sendAnimation": {"animation": str, **_CAPTION, **_SIZE},
    "sendDocument": {"document": str, **_CAPTION},
    "sendMediaGroup": {"media": list},
    "sendPoll": {
        "question": str,
        "options": list,
        "is_anonymous": bool,
        "allows_multiple_answers": bool,
        "open_period": int,
    },
}
_ITEM: dict[str, dict[str, type]] = {
    "photo": {"type": str, "media": str, **_CAPTION},
    "video": {"type": str, "media": str, "supports_streaming": bool, **_CAPTION, **_SIZE},
    "document": {"type": str, "media": str, **_CAPTION},
}


class Telegram(Platform):
    # The FAQ's "20 messages per minute to the same group"; per bot 30 a second.
    limits: ClassVar = {"publish": (Limit(20, 60),), "read": (Limit(1800, 60),)}

    # Who asks.

    def new_account(
        self,
        handle: str,
        *,
        kind: str = "channel",
        public: bool = True,
        member: bool = True,
        can_post: bool = True,
        topics: tuple[int, ...] = (),
        moved_to: int | None = None,
    ) -> dict[str, Any]:
        """A bot's token for a chat; the chat is @HANDLE, or the account's id.

        kind: channel, supergroup or group. public: it has a name (groups never have). member, can_post: the bot's
        rights. topics: of a forum. moved_to: the group became this supergroup.
        """
        if kind not in ("channel", "supergroup", "group"):
            raise ValueError(f"unknown kind of chat {kind!r}")
        account = self.accounts.get(handle) or self._account(handle, kind, public and kind != "group")
        account.options |= {
            "member": member,
            "can_post": can_post,
            "topics": list(topics),
            "moved_to": moved_to,
        }
        number = int(account.id.removeprefix("-100").removeprefix("-"))
        token = self.add_token(Token(f"{number}:{secrets.token_urlsafe(26)}", account))
        return {"bot_token": token.value}

    def _account(self, handle: str, kind: str = "channel", public: bool = True) -> Account:
        number = 1_000_000_000 + len(self.accounts)
        options = {"kind": kind, "public": public, "member": True, "can_post": True, "topics": []}
        return self.add_account(
            Account(f"-{number}" if kind == "group" else f"-100{number}", handle, options)
        )

    def token_of(self, request: Request) -> Token | None:
        return self.known_token(request.params.get("token", ""))

    def authenticate(self, request: Request) -> Token:
        token = self.token_of(request)
        if token is None:
            shaped = re.fullmatch(r"\d+:[\w-]{20,}", request.params["token"])
            raise self.refusal(401 if shaped else 404)
        return token

    def expire(self, request: Request) -> Reply:
        """Tokens do not end, but they can be revoked."""
        return self.error(401)

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        descriptions = {
            400: "Bad Request",
            401: "Unauthorized",
            403: "Forbidden: bot was kicked from the channel chat",
            404: "Not Found",
            413: "Request Entity Too Large",
            429: "Too Many Requests",
        }
        description = message or descriptions.get(status, "Internal Server Error")
        return Reply(status, {"ok": False, "error_code": status, "description": description})

    def bad(self, what: str) -> Refusal:
        return self.refusal(400, f"Bad Request: {what}")

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        """Nothing is announced; some servers send the header when it is too late."""
        return {"Retry-After": str(max(1, round(reset_at - self.now())))} if blocked else {}

    def too_many(self, request: Request, retry_after: float = 1.0) -> Reply:
        return self._flooded(super().too_many(request, retry_after))

    def spend(self, request: Request, family: str, cost: int = 1) -> dict[str, str]:
        try:
            return super().spend(request, family, cost)
        except Refusal as refusal:
            self._flooded(refusal.reply)
            raise

    def _flooded(self, reply: Reply) -> Reply:
        seconds = int(reply.headers["Retry-After"])
        reply.body |= {
            "description": f"Too Many Requests: retry after {seconds}",
            "parameters": {"retry_after": seconds},
        }
        return reply

    def _fields(self, request: Request, known: Mapping[str, type]) -> tuple[dict[str, Any], dict[str, Part]]:
        """Parameters and files of a body in any of the three forms; JSON inside of form values is unwrapped."""
        files: dict[str, Part] = {}
        if len(request.body) > FILE_BYTES + 100_000:
            raise self.refusal(413)
        try:
            if request.content_type == "multipart/form-data":
                parts = request.parts()
                files = {part.name: part for part in parts if part.filename is not None}
                texts = {part.name: part.data.decode() for part in parts if part.filename is None}
                fields = {name: self._unwrapped(text, known.get(name)) for name, text in texts.items()}
            elif request.content_type == "application/x-www-form-urlencoded":
                pairs = request.form_pairs()
                fields = {name: self._unwrapped(text, known.get(name)) for name, text in pairs}
            elif request.content_type == "application/json":
                fields = request.json_object()
            else:
                fields = {}
        except ValueError as exc:
            raise self.bad(f"can't parse the request: {exc}") from None
        self._typed(fields, known)
        return fields, files

    @staticmethod
    def _unwrapped(text: str, kind: type | None) -> Any:
        if kind is object:  # chat_id: a number or a name
            return int(text) if re.fullmatch(r"-?\d+", text) else text
        return text if kind in (str, None) else json.loads(text)

    def _typed(self, fields: Mapping[str, Any], known: Mapping[str, type]) -> None:
        for name, value in fields.items():
            if name not in known:
                raise self.bad(f"unknown parameter {name!r}")
            wrong_bool = isinstance(value, bool) and known[name] is int
            if not isinstance(value, known[name]) or wrong_bool:
                raise self.bad(f"parameter {name!r} has the wrong type")

    # Chats.

    def get_me(self, request: Request) -> Reply:
        number = int(request.account.id.removeprefix("-100").removeprefix("-"))
        bot = {"id": number, "is_bot": True, "first_name": "Bot", "username": f"{request.account.handle}_bot"}
        return Reply(200, {"ok": True, "result": bot})

    def get_chat(self, request: Request) -> Reply:
        fields, _ = self._fields(request, {"chat_id": object})
        return Reply(200, {"ok": True, "result": self._chat_body(self._chat(request, fields))})

    def _chat(self, request: Request, fields: Mapping[str, Any]) -> Account:
        """The chat that `chat_id` names, if the request's bot is in it."""
        chat_id = fields.get("chat_id")
        account: Account | None
        if isinstance(chat_id, str) and chat_id.startswith("@"):
            account = self.accounts.get(chat_id[1:])
            account = account if account and account.options["public"] else None
        else:
            account = self.accounts_by_id.get(str(chat_id))
        if account is None or not chat_id:
            raise self.bad("chat not found")
        if account.id != request.account.id:
            raise self.refusal(403, "Forbidden: bot is not a member of the channel chat")
        if not account.options["member"]:
            raise self.refusal(403)
        return account

    @staticmethod
    def _chat_body(account: Account) -> dict[str, Any]:
        chat = {"id": int(account.id), "type": account.options["kind"], "title": account.handle}
        return chat | {"username": account.handle} if account.options["public"] else chat

    def _target(self, request: Request, fields: Mapping[str, Any]) -> tuple[Account, Post | None]:
        """Where a message goes, and what it replies to."""
        account = self._chat(request, fields)
        if account.options.get("moved_to"):
            reply = self.error(400, "Bad Request: group chat was upgraded to a supergroup chat")
            reply.body["parameters"] = {"migrate_to_chat_id": account.options["moved_to"]}
            raise Refusal(reply)
        if not account.options["can_post"]:
            raise self.bad("not enough rights to send text messages to the chat")
        topic = fields.get("message_thread_id")
        if topic is not None and topic not in account.options["topics"]:
            raise self.bad("message thread not found")
        reply_to = fields.get("reply_parameters")
        if reply_to is None:
            return account, None
        self._typed(reply_to, {"message_id": int})
        parent = self.posts.get(f"{account.id}/{reply_to.get('message_id')}")
        if parent is None or parent.deleted:
            raise self.bad("message to be replied not found")
        return account, parent

    # Messages.

    def send_message(self, request: Request) -> Reply:
        fields, _ = self._fields(request, _COMMON | _PARAMETERS["sendMessage"])
        account, parent = self._target(request, fields)
        self._typed(
            fields.get("link_preview_options", {}),
            {
                "is_disabled": bool,
                "url": str,
                "prefer_small_media": bool,
                "prefer_large_media": bool,
                "show_above_text": bool,
            },
        )
        text = fields.get("text", "")
        shown = self._parsed(text, fields)
        if not shown.strip():
            raise self.bad("message text is empty")
        if units(shown) > MAX_TEXT:
            raise self.bad("message is too long")
        return Reply(
            200, {"ok": True, "result": self._message(request, account, parent, text, {"text": shown})}
        )

    def send_photo(self, request: Request) -> Reply:
        return self._send_file(request, "sendPhoto", "photo")

    def send_video(self, request: Request) -> Reply:
        return self._send_file(request, "sendVideo", "video")

    def send_animation(self, request: Request) -> Reply:
        return self._send_file(request, "sendAnimation", "animation")

    def send_document(self, request: Request) -> Reply:
        return self._send_file(request, "sendDocument", "document")

    def _send_file(self, request: Request, method: str, kind: str) -> Reply:
        fields, files = self._fields(request, _COMMON | _PARAMETERS[method])
        account, parent = self._target(request, fields)
        if strange := files.keys() - {kind}:
            raise self.bad(f"unexpected file {min(strange)!r}")
        caption = self._caption(fields)
        name = self._file(kind, files.get(kind), fields.get(kind))
        body = {kind: {"file_name": name}} | ({"caption": caption} if caption else {})
        text = fields.get("caption", "")
        message = self._message(request, account, parent, text, body, (f"{kind}:{name}",))
        return Reply(200, {"ok": True, "result": message})

    def send_media_group(self, request: Request) -> Reply:
        fields, files = self._fields(request, _COMMON | _PARAMETERS["sendMediaGroup"])
        account, parent = self._target(request, fields)
        items = fields.get("media", [])
        if not 2 <= len(items) <= 10:
            raise self.bad("group send failed: an album has 2 to 10 items")
        kinds = [item.get("type") if isinstance(item, dict) else None for item in items]
        if not set(kinds) <= set(_ITEM) or ("document" in kinds and set(kinds) != {"document"}):
            raise self.bad("documents and photos or videos can't be mixed in an album")
        names, captions, used = [], [], set()
        for item in items:
            kind = str(item["type"])
            self._typed(item, _ITEM[kind])
            captions.append(self._caption(item))
            attached = item.get("media", "").removeprefix("attach://")
            part = files.get(attached) if item.get("media", "").startswith("attach://") else None
            used.add(attached)
            names.append(f"{kind}:{self._file(kind, part, item.get('media'))}")
        if strange := files.keys() - used:
            raise self.bad(f"unexpected file {min(strange)!r}")
        text = next((item["caption"] for item in items if item.get("caption")), "")
        group = {"media_group_id": str(self.next_number(8))}
        first = self._message(request, account, parent, text, group | {"caption": captions[0]}, tuple(names))
        messages = [first]
        for _ in names[1:]:
            messages.append({**first, "message_id": self._next_message(account)})
        return Reply(200, {"ok": True, "result": messages})

    def send_poll(self, request: Request) -> Reply:
        fields, _ = self._fields(request, _COMMON | _PARAMETERS["sendPoll"])
        account, parent = self._target(request, fields)
        question, options = fields.get("question", ""), fields.get("options", [])
        if not units(question.strip()) >= 1 or units(question) > MAX_QUESTION:
            raise self.bad("poll question must be non-empty and at most 300 characters")
        if not 1 <= len(options) <= MAX_OPTIONS:
            raise self.bad("poll must have 1 to 12 options")
        for option in options:
            if not isinstance(option, dict):
                raise self.bad("poll options must be objects")
            self._typed(option, {"text": str})
            if not 1 <= units(option.get("text", "")) <= MAX_OPTION:
                raise self.bad("poll options length must not exceed 100")
        if not OPEN_SECONDS[0] <= fields.get("open_period", OPEN_SECONDS[0]) <= OPEN_SECONDS[1]:
            raise self.bad("open_period must be 5 to 2628000 seconds")
        poll = {"question": question, "options": [{**option, "voter_count": 0} for option in options]}
        message = self._message(request, account, parent, question, {"poll": poll})
        return Reply(200, {"ok": True, "result": message})

    def _message(
        self,
        request: Request,
        account: Account,
        parent: Post | None,
        text: str,
        body: Mapping[str, Any],
        media: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        number, now = self._next_message(account), self.now()
        message = {"message_id": number, "date": int(now), "chat": self._chat_body(account), **body}
        post = Post(f"{account.id}/{number}", account, text, now, media, parent.id if parent else None)
        post.body = message
        self.add_post(post, request)
        return message

    @staticmethod
    def _next_message(account: Account) -> int:
        account.extra["messages"] = int(account.extra.get("messages", 0)) + 1
        return int(account.extra["messages"])

    def _caption(self, fields: Mapping[str, Any]) -> str:
        shown = self._parsed(fields.get("caption", ""), fields)
        if units(shown) > MAX_CAPTION:
            raise self.bad("message caption is too long")
        return shown

    def _parsed(self, text: str, fields: Mapping[str, Any]) -> str:
        """The text without its markup, as it is shown and measured."""
        parsers: dict[str, Callable[[str], str]] = {"HTML": parse_html, "MarkdownV2": parse_markdown}
        mode = fields.get("parse_mode")
        if mode is None:
            return text
        if mode not in parsers:
            raise self.bad("unsupported parse_mode")
        try:
            return parsers[mode](text)
        except ValueError as exc:
            raise self.bad(f"can't parse entities: {exc}") from None

    def _file(self, kind: str, part: Part | None, given: str | None) -> str:
        """What a file is called, once it is known to be what it has to be; it is uploaded, or a URL to fetch."""
        if part is None:
            if not given or not given.startswith(("http://", "https://")):
                raise self.bad("wrong file identifier/HTTP URL specified")
            try:
                data = self.fetch(given)
            except ValueError:
                raise self.bad("failed to get HTTP URL content") from None
            name, most = str(given), PHOTO_BY_URL_BYTES if kind == "photo" else FILE_BY_URL_BYTES
        else:
            data, name, most = part.data, part.filename or "", PHOTO_BYTES if kind == "photo" else FILE_BYTES
        if data is None:
            return name
        if not data or not name:
            raise self.bad("file must be non-empty")
        if len(data) > most:
            raise self.refusal(413)
        fitting = {
            "photo": ("image/jpeg", "image/png", "image/webp"),
            "video": ("video/mp4",),
            "animation": ("image/gif", "video/mp4"),
        }
        if kind in fitting and media_type(data) not in fitting[kind]:
            raise self.bad("IMAGE_PROCESS_FAILED" if kind == "photo" else "wrong type of the file")
        if kind == "photo" and data.startswith(b"\x89PNG"):
            width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
            if width + height > PHOTO_SIDES or max(width, height) > PHOTO_RATIO * max(min(width, height), 1):
                raise self.bad("PHOTO_INVALID_DIMENSIONS")
        return name

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/bot{token}/getMe", get_me),
        Route("POST", "/bot{token}/getMe", get_me),
        Route("POST", "/bot{token}/getChat", get_chat),
        Route("POST", "/bot{token}/sendMessage", send_message, True, family="publish"),
        Route("POST", "/bot{token}/sendPhoto", send_photo, True, family="publish"),
        Route("POST", "/bot{token}/sendVideo", send_video, True, family="publish"),
        Route("POST", "/bot{token}/sendAnimation", send_animation, True, family="publish"),
        Route("POST", "/bot{token}/sendDocument", send_document, True, family="publish"),
        Route("POST", "/bot{token}/sendMediaGroup", send_media_group, True, family="publish"),
        Route("POST", "/bot{token}/sendPoll", send_poll, True, family="publish"),
    )


def units(text: str) -> int:
    """UTF-16 code units, in which Telegram measures entities."""
    return len(text.encode("utf-16-le")) // 2


def parse_html(text: str) -> str:
    """Without tags. Raises ValueError on unknown or unclosed ones, and on entities there are not."""
    open_tags: list[str] = []
    shown = []
    for piece in re.split(r"(<[^>]*>?)", text):
        if not piece.startswith("<"):
            if strange := re.search(r"&(?!(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);)\w+;", piece):
                raise ValueError(f"unsupported entity {strange[0]}")
            shown.append(html.unescape(piece))
            continue
        tag = re.fullmatch(r"<(/?)([a-z-]+)((?:\s[^<>]*)?)>", piece)
        if tag is None or not TAGS.fullmatch(tag[2]):
            raise ValueError(f'Unsupported start tag "{piece.strip("</>")}"')
        if not tag[1]:
            open_tags.append(tag[2])
        elif not open_tags or open_tags.pop() != tag[2]:
            raise ValueError(f"Unexpected end tag {piece}")
    if open_tags:
        raise ValueError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    return "".join(shown)


def parse_markdown(text: str) -> str:
    """MarkdownV2 without its marks. Raises ValueError on a reserved character without its backslash."""
    private = 0xE000  # where escaped characters go, out of the way: they stand for themselves
    rest = re.sub(
        r"\\([\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e])", lambda found: chr(private + ord(found[1])), text
    )
    rest = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", rest)
    rest = re.sub(r"```[^`]*```|`[^`]*`|\*|_|~|\|\|", lambda found: found[0].strip("`*_~|"), rest)
    if reserved := re.search(r"[\[\]()>#+=|{}.!`-]", rest):
        raise ValueError(f"Character '{reserved[0]}' is reserved and must be escaped with the preceding '\\'")
    return re.sub("[\ue000-\ue0ff]", lambda found: chr(ord(found[0]) - private), rest)
