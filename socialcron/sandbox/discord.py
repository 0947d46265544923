"""Discord API v10: incoming webhooks, and a bot that may list their channel.

Sources: docs.discord.com/developers (resources webhook, message, poll; reference: error messages, snowflakes, uploading
files; topics rate-limits, opcodes-and-status-codes), 2026-08.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Limit, Platform, Post, Refusal, Route, Token
from socialcron.sandbox.wire import Part, Reply, Request, iso_time

EPOCH_MS = 1_420_070_400_000
MAX_CONTENT, MAX_USERNAME, MAX_DESCRIPTION = 2000, 80, 1024
MAX_FILES, FILE_BYTES, REQUEST_BYTES = 10, 10 * 2**20, 25 * 2**20
MAX_EMBEDS, MAX_EMBED_TEXT, MAX_FIELDS = 10, 6000, 25
EMBED_TEXTS = {"title": 256, "description": 4096}
MAX_QUESTION, MAX_ANSWER, MAX_ANSWERS, MAX_HOURS = 300, 55, 10, 768
SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS = 1 << 2, 1 << 12
GUILD_ID = "41771983423143937"

_BODY: dict[str, type | tuple[type, ...]] = {
    "content": str,
    "username": str,
    "avatar_url": str,
    "tts": bool,
    "embeds": list,
    "allowed_mentions": dict,
    "attachments": list,
    "flags": int,
    "thread_name": str,
    "poll": dict,
}
_EMBED = frozenset(
    ["title", "description", "url", "timestamp", "color", "footer", "image", "thumbnail", "author", "fields"]
)


class Discord(Platform):
    # Seen, not promised: five messages in two seconds per webhook.
    limits: ClassVar = {"publish": (Limit(5, 2), Limit(30, 60)), "read": (Limit(50, 1),)}

    # Who asks.

    def new_account(
        self,
        handle: str,
        *,
        bot: bool = False,
        history: bool = True,
        intent: bool = True,
        forum: bool = False,
        threads: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """A webhook's address. The channel is its own; threads in it go by the ids given.

        bot: a bot's token comes with it. history, intent: the bot may Read Message History, has Message Content.
        forum: the channel takes messages in threads only.
        """
        account = self.named_account(handle)
        account.options |= {"history": history, "intent": intent, "forum": forum, "threads": list(threads)}
        token = self.add_token(Token(secrets.token_urlsafe(51), account))
        made = {"webhook_url": f"https://discord.com/api/webhooks/{account.id}/{token.value}"}
        if bot:
            made["bot_token"] = self.add_token(Token(secrets.token_urlsafe(52), account, "bot")).value
        return made

    def _account(self, handle: str) -> Account:
        options = {"history": True, "intent": True, "forum": False, "threads": []}
        account = self.add_account(Account(self._snowflake(), handle, options))
        account.extra["channel_id"] = self._snowflake()
        return account

    def _snowflake(self) -> str:
        return str(self.next_number(22, EPOCH_MS))

    def token_of(self, request: Request) -> Token | None:
        if "token" not in request.params:
            scheme, _, value = request.headers.get("authorization", "").partition(" ")
            token = self.tokens.get(value)
            return token if scheme == "Bot" and token and token.kind == "bot" else None
        value, webhook_id = request.params["token"], request.params["webhook"]
        token = self.known_token(value)
        # A name's webhook goes by any number: who makes up its address cannot know the one it gets.
        known = (
            token
            and token.kind == "access"
            and (webhook_id == token.account.id or value.startswith("sandbox-"))
        )
        return token if known else None

    def authenticate(self, request: Request) -> Token:
        token = self.token_of(request)
        if token is None:
            if "token" not in request.params:
                raise self.refusal(401, "401: Unauthorized", "0")
            if request.params["webhook"] in self.accounts_by_id:
                raise self.refusal(401, "Invalid Webhook Token", "50027")
            raise self.refusal(404, "Unknown Webhook", "10015")
        if token.kind == "access" and "authorization" in request.headers:
            raise self.refusal(400, "a webhook's own token is all it takes", "50035")
        return token

    def expire(self, request: Request) -> Reply:
        """Webhooks do not expire, but they can be deleted."""
        return self.error(404, "Unknown Webhook", "10015")

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        messages = {
            404: "404: Not Found",
            429: "You are being rate limited.",
            500: "500: Internal Server Error",
        }
        if status in (502, 503, 504) and not message:
            return Reply(status, b"<html><title>upstream</title></html>", content_type="text/html")
        return Reply(
            status, {"message": message or messages.get(status, f"{status}"), "code": int(kind or 0)}
        )

    def invalid(self, path: str, message: str, code: str = "BASE_TYPE_BAD") -> Refusal:
        """50035 with the part of the body that is wrong."""
        errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
        for part in reversed(path.split(".")):
            errors = {part: errors}
        reply = self.error(400, "Invalid Form Body", "50035")
        reply.body["errors"] = errors
        return Refusal(reply)

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        after = max(reset_at - self.now(), 0.001)
        headers = {
            "X-RateLimit-Limit": str(limit.most),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{reset_at:.3f}",
            "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": "80c17d2f203122d936070c88c8d10f33",
        }
        if blocked:
            headers |= {"Retry-After": str(int(after) + 1), "X-RateLimit-Scope": "user"}
        return headers

    def too_many(self, request: Request, retry_after: float = 1.0) -> Reply:
        return self._limited(super().too_many(request, retry_after))

    def spend(self, request: Request, family: str, cost: int = 1) -> dict[str, str]:
        try:
            return super().spend(request, family, cost)
        except Refusal as refusal:
            self._limited(refusal.reply)
            raise

    def _limited(self, reply: Reply) -> Reply:
        reply.body |= {"retry_after": float(reply.headers["X-RateLimit-Reset-After"]), "global": False}
        return reply

    # Webhooks and messages.

    def get_webhook(self, request: Request) -> Reply:
        account = request.account
        return Reply(
            200,
            {
                "id": account.id,
                "type": 1,
                "name": account.handle,
                "avatar": None,
                "channel_id": account.extra["channel_id"],
                "guild_id": GUILD_ID,
                "token": request.params["token"],
            },
        )

    def execute(self, request: Request) -> Reply:
        account, query = request.account, dict(request.query_pairs)
        if strange := query.keys() - {"wait", "thread_id", "with_components"}:
            raise self.invalid(min(strange), "Unknown parameter")
        fields, files = self._fields(request)
        self._typed(fields)
        self._check(fields, files)
        channel_id = self._channel(account, query.get("thread_id"), fields.get("thread_name"))
        message = self._message(account, channel_id, fields, files)
        text = fields.get("content") or fields.get("poll", {}).get("question", {}).get("text", "")
        post = Post(message["id"], account, text, self.now(), tuple(file.filename or "" for file in files))
        post.body = message
        self.add_post(post, request)
        return Reply(200, message) if query.get("wait") == "true" else Reply(204)

    def _fields(self, request: Request) -> tuple[dict[str, Any], list[Part]]:
        if len(request.body) > REQUEST_BYTES:
            raise self.refusal(413, "Request entity too large", "40005")
        try:
            if request.content_type == "application/json":
                return request.json_object(), []
            if request.content_type != "multipart/form-data":
                raise self.refusal(400, "Cannot send an empty message", "50006")
            payload, *files = request.parts()
            if payload.name != "payload_json" or payload.content_type != "application/json":
                raise self.invalid("payload_json", "must come first, as application/json")
            fields = json.loads(payload.data)
        except ValueError:
            raise self.refusal(400, "The request body contains invalid JSON.", "50109") from None
        if not isinstance(fields, dict):
            raise self.refusal(400, "The request body contains invalid JSON.", "50109")
        if [file.name for file in files] != [f"files[{number}]" for number in range(len(files))]:
            raise self.invalid("files", "must be files[0], files[1] and so on")
        for file in files:
            if not file.filename or len(file.data) > FILE_BYTES:
                raise self.refusal(413, "Request entity too large", "40005")
        return fields, files

    def _typed(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if name not in _BODY:
                raise self.invalid(name, "Unknown field")
            if not isinstance(value, _BODY[name]) or (isinstance(value, bool) and _BODY[name] is int):
                raise self.invalid(name, "Wrong type")

    def _check(self, fields: Mapping[str, Any], files: list[Part]) -> None:
        content, embeds = fields.get("content", ""), fields.get("embeds", [])
        if not (content.strip() or embeds or files or "poll" in fields):
            raise self.refusal(400, "Cannot send an empty message", "50006")
        if len(content) > MAX_CONTENT:
            raise self.invalid("content", "Must be 2000 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
        name = fields.get("username", "x")
        if not 1 <= len(name) <= MAX_USERNAME:
            raise self.invalid("username", "Must be between 1 and 80 in length.", "BASE_TYPE_BAD_LENGTH")
        if any(word in name.lower() for word in ("clyde", "discord")):
            raise self.invalid("username", 'Username cannot contain "discord"', "USERNAME_INVALID_CONTAINS")
        if fields.get("flags", 0) & ~(SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS):
            raise self.invalid("flags", "These flags cannot be set")
        mentions = fields.get("allowed_mentions", {})
        if not set(mentions.get("parse", [])) <= {"everyone", "roles", "users"}:
            raise self.invalid("allowed_mentions.parse", "Value must be one of roles, users, everyone")
        self._check_embeds(embeds)
        self._check_files(fields.get("attachments", []), files)
        if "poll" in fields:
            self._check_poll(fields["poll"])
            if files:
                raise self.invalid("poll", "not together with files")

    def _check_embeds(self, embeds: list[Any]) -> None:
        if len(embeds) > MAX_EMBEDS:
            raise self.invalid("embeds", "Must be 10 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
        together = 0
        for number, embed in enumerate(embeds):
            if not isinstance(embed, dict) or not set(embed) <= _EMBED or not embed:
                raise self.invalid(f"embeds.{number}", "Unknown field")
            if len(embed.get("fields", [])) > MAX_FIELDS:
                raise self.invalid(f"embeds.{number}.fields", "Must be 25 or fewer in length.")
            for path, text, most in _embed_texts(embed):
                together += len(text)
                if len(text) > most:
                    raise self.invalid(f"embeds.{number}.{path}", f"Must be {most} or fewer in length.")
        if together > MAX_EMBED_TEXT:
            raise self.invalid("embeds", "Embed size exceeds maximum size of 6000", "MAX_EMBED_SIZE_EXCEEDED")

    def _check_files(self, attachments: list[Any], files: list[Part]) -> None:
        if len(files) > MAX_FILES:
            raise self.invalid("attachments", "Must be 10 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
        for told in attachments:
            if not isinstance(told, dict) or not set(told) <= {"id", "filename", "description"}:
                raise self.invalid("attachments", "Unknown field")
            number = told.get("id")
            if not isinstance(number, int) or not 0 <= number < len(files):
                raise self.invalid("attachments", "there is no such file")
            if len(told.get("description", "")) > MAX_DESCRIPTION:
                raise self.invalid("attachments", "Must be 1024 or fewer in length.", "BASE_TYPE_MAX_LENGTH")

    def _check_poll(self, poll: Mapping[str, Any]) -> None:
        if not set(poll) <= {"question", "answers", "duration", "allow_multiselect", "layout_type"}:
            raise self.invalid("poll", "Unknown field")
        question, answers = poll.get("question"), poll.get("answers")
        if not isinstance(question, dict) or not 1 <= len(question.get("text", "")) <= MAX_QUESTION:
            raise self.invalid("poll.question.text", "Must be between 1 and 300 in length.")
        if not isinstance(answers, list) or not 1 <= len(answers) <= MAX_ANSWERS:
            raise self.invalid("poll.answers", "Must be between 1 and 10 in length.")
        for answer in answers:
            media = answer.get("poll_media") if isinstance(answer, dict) else None
            if not isinstance(media, dict) or not 1 <= len(media.get("text", "")) <= MAX_ANSWER:
                raise self.invalid("poll.answers", "Must be between 1 and 55 in length.")
        duration = poll.get("duration", 24)
        if not isinstance(duration, int) or not 1 <= duration <= MAX_HOURS:
            raise self.invalid("poll.duration", "Must be between 1 and 768.")

    def _channel(self, account: Account, thread_id: str | None, thread_name: str | None) -> str:
        if thread_id and thread_name:
            raise self.refusal(400, "Webhooks can only have one of thread_name and thread_id", "220002")
        if account.options["forum"] and not (thread_id or thread_name):
            message = "Webhooks posted to forum channels must have a thread_name or thread_id"
            raise self.refusal(400, message, "220001")
        if thread_name:
            if not account.options["forum"]:
                raise self.refusal(400, "Webhooks can only create threads in forum channels", "220003")
            thread_id = self._snowflake()
            account.options["threads"].append(thread_id)
        if thread_id and thread_id not in account.options["threads"]:
            raise self.refusal(404, "Unknown Channel", "10003")
        return thread_id or str(account.extra["channel_id"])

    def _message(
        self, account: Account, channel_id: str, fields: Mapping[str, Any], files: list[Part]
    ) -> dict[str, Any]:
        described = {told["id"]: told.get("description") for told in fields.get("attachments", [])}
        message = {
            "id": self._snowflake(),
            "type": 0,
            "channel_id": channel_id,
            "webhook_id": account.id,
            "content": fields.get("content", "").strip(),
            "timestamp": iso_time(self.now(), digits=6).replace("Z", "+00:00"),
            "author": {"id": account.id, "username": fields.get("username", account.handle), "bot": True},
            "attachments": [
                {"id": self._snowflake(), "filename": file.filename, "size": len(file.data)}
                | ({"description": described[number]} if described.get(number) else {})
                for number, file in enumerate(files)
            ],
            "embeds": [{**embed, "type": "rich"} for embed in fields.get("embeds", [])],
            "mention_everyone": False,
            "flags": fields.get("flags", 0),
        }
        if "poll" in fields:
            message["poll"] = {**fields["poll"], "expiry": iso_time(self.now() + 3600)}
        return message

    def get_message(self, request: Request) -> Reply:
        """Of a message in a thread, the thread must be named. Reactions stand there once there are some."""
        post = self._own(request)
        place = request.query("thread_id", request.account.extra["channel_id"])
        if place != post.body["channel_id"]:
            raise self.refusal(404, "Unknown Message", "10008")
        seen, thumb = self.seen_by(post), {"id": None, "name": "👍"}
        reactions = [{"emoji": thumb, "count": seen.likes, "me": False} if seen else {"emoji": thumb}]
        return Reply(200, post.body | ({"reactions": reactions} if seen is None or seen.likes else {}))

    def delete_message(self, request: Request) -> Reply:
        self.delete_post(self._own(request))
        return Reply(204)

    def _own(self, request: Request) -> Post:
        post = self.posts.get(request.params["message"])
        if post is None or post.deleted or post.account is not request.account:
            raise self.refusal(404, "Unknown Message", "10008")
        return post

    # What the bot may see.

    def list_messages(self, request: Request) -> Reply:
        account, channel_id = request.account, request.params["channel"]
        if channel_id not in (account.extra["channel_id"], *account.options["threads"]):
            raise self.refusal(403, "Missing Access", "50001")
        query = dict(request.query_pairs)
        if len(query.keys() & {"before", "after", "around"}) > 1 or query.keys() - {
            "before",
            "after",
            "around",
            "limit",
        }:
            raise self.invalid("before", "mutually exclusive, or unknown")
        try:
            limit, before = int(query.get("limit", "50")), int(query.get("before", 1 << 63))
            after = int(query.get("after", "0"))
        except ValueError:
            raise self.invalid("limit", "is not a number") from None
        if not 1 <= limit <= 100:
            raise self.invalid("limit", "int value should be between 1 and 100.")
        if not account.options["history"]:
            return Reply(200, [])
        found = [
            post.body
            for post in self.listed(account)
            if post.body["channel_id"] == channel_id and after < int(post.id) < before
        ]
        page = found[-limit:] if after else found[:limit]
        return Reply(200, page if account.options["intent"] else [_blinded(message) for message in page])

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/api/v10/webhooks/{webhook}/{token}", get_webhook),
        Route("POST", "/api/v10/webhooks/{webhook}/{token}", execute, True, family="publish"),
        Route("GET", "/api/v10/webhooks/{webhook}/{token}/messages/{message}", get_message),
        Route(
            "DELETE",
            "/api/v10/webhooks/{webhook}/{token}/messages/{message}",
            delete_message,
            True,
            family="publish",
        ),
        Route("GET", "/api/v10/channels/{channel}/messages", list_messages),
    )


def _embed_texts(embed: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(path, text, longest) of every text that counts, trimmed."""
    for name, most in EMBED_TEXTS.items():
        yield name, str(embed.get(name, "")).strip(), most
    yield "footer.text", str(embed.get("footer", {}).get("text", "")).strip(), 2048
    yield "author.name", str(embed.get("author", {}).get("name", "")).strip(), 256
    for number, field in enumerate(embed.get("fields", [])):
        yield f"fields.{number}.name", str(field.get("name", "")).strip(), 256
        yield f"fields.{number}.value", str(field.get("value", "")).strip(), 1024


def _blinded(message: Mapping[str, Any]) -> dict[str, Any]:
    """As a bot without the Message Content intent gets it."""
    shown = {name: value for name, value in message.items() if name != "poll"}
    return {**shown, "content": "", "embeds": [], "attachments": [], "components": []}
