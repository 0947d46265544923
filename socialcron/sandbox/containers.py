"""Containers, as Instagram and Threads have them: made, looked at until they are processed, published once.

Sources: developers.facebook.com/docs/instagram-platform (content-publishing, reference/ig-container) and
/documentation/threads (posts, reference/publishing), as archived 2026-09-11. A container is processed at the first
look, one with a video at the second; nothing is processed by time alone. What happens when a published one is
published again is not documented: here it is refused.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Post, media_type
from socialcron.sandbox.meta import DAY_SECONDS, Graph
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from socialcron.sandbox.wire import Reply, Request, iso_time

CONTAINERS_A_DAY = 400
IMAGE_BYTES = 8 * 1024 * 1024
POISON = b"SANDBOX-UNPROCESSABLE"  # a video with these bytes in it fails processing for good
FLAKY = b"SANDBOX-FLAKY"  # and with these, for a reason that may pass
TWO_DAYS = 2 * DAY_SECONDS


@dataclass(slots=True)
class Container:
    """`kind`: as media_type says, IMAGE where it says nothing. `text`: caption or text, None where it has none."""

    id: str
    account: Account
    kind: str
    text: str | None
    made_at: float
    looks_left: int
    child: bool = False
    failure: str = ""  # the platform's words
    media: tuple[str, ...] = ()  # addresses
    fields: Mapping[str, Any] = field(default_factory=dict)
    published: str | None = None  # id of the post


class Containers(Graph):
    """`posts_a_day`: a switch for tests; what the limit endpoint tells."""

    status_field: ClassVar[str]
    failure_field: ClassVar[str]
    not_ready: ClassVar[str]  # code/subcode of publishing too early
    unknown: ClassVar[str]  # ... of a container there is not
    expired: ClassVar[str]
    failures: ClassVar[tuple[str, str]]  # words to a container that failed: for good; perhaps not again
    scopes: ClassVar[str]
    unversioned = frozenset(
        {"/oauth/authorize", "/oauth/access_token", "/access_token", "/refresh_access_token"}
    )
    scope_separator = ","
    throttle_code = 4
    switches: ClassVar[tuple[str, ...]] = (*Graph.switches, "posts_a_day")
    refresh_grant: ClassVar[str]
    exchange_grant: ClassVar[str]

    posts_a_day = 50

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.containers: dict[str, Container] = {}

    # Hooks of the two.

    @abstractmethod
    def read_container(self, account: Account, fields: dict[str, Any]) -> Container:
        """A container from the parameters, all of them judged. Raises Refusal."""

    @abstractmethod
    def post_of(self, container: Container) -> Post:
        """What publishing makes of it."""

    @abstractmethod
    def check_quota(self, container: Container) -> None:
        """Raises Refusal when the day's posts are used up."""

    @abstractmethod
    def user_body(self, account: Account) -> dict[str, Any]:
        """The account as a node."""

    def post_body(self, post: Post) -> dict[str, Any]:
        """A post as a node."""
        return post.body

    # Who asks.

    def new_account(
        self, handle: str, *, age_seconds: float = TWO_DAYS, scopes: str | None = None
    ) -> dict[str, Any]:
        """A long-lived token of 60 days. age_seconds: how long ago it was issued."""
        account = self.named_account(handle)
        token = self.issue(
            account, scopes=frozenset((scopes or self.scopes).split(",")), issued_at=self.now() - age_seconds
        )
        assert token.expires_at is not None
        token.expires_at -= age_seconds
        return {
            "access_token": token.value,
            "expires_at": iso_time(token.expires_at),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    def code_for_token(self, request: Request) -> Reply:
        fields = self.fields(request, ("client_id", "client_secret", "grant_type", "redirect_uri", "code"))
        self.check_app(fields)
        if fields.get("grant_type") != "authorization_code":
            raise self.bad("Invalid grant_type")
        token = self.short_token(fields)
        granted = ",".join(sorted(token.scopes or ()))
        return Reply(
            200, {"access_token": token.value, "user_id": int(token.account.id), "permissions": granted}
        )

    def exchange(self, request: Request) -> Reply:
        """A short-lived token for a long-lived one; the server's own request, with its secret."""
        fields = dict(request.query_pairs)
        self.check_app(fields, with_id=False)
        if fields.get("grant_type") != self.exchange_grant:
            raise self.bad("Invalid grant_type")
        return self.trade(fields.get("access_token"), kinds=("short",), to="access")

    def refresh(self, request: Request) -> Reply:
        """Another 60 days, for a token that is a day old and has not ended."""
        fields = dict(request.query_pairs)
        token = self.tokens.get(str(fields.get("access_token")))
        if fields.get("grant_type") != self.refresh_grant or (token and token.expires_at is None):
            raise self.bad("Invalid grant_type")
        return self.trade(
            fields.get("access_token"), kinds=("access",), to="access", min_age_seconds=DAY_SECONDS
        )

    def own(self, request: Request) -> Account:
        """The account of the path, which must be the token's. Raises Refusal."""
        account: Account = request.account
        if request.params["id"] not in (account.id, "me"):
            raise self.refusal(404)
        return account

    def me(self, request: Request) -> Reply:
        return Reply(200, self.pick(self.user_body(request.account), request, default=("id",)))

    # Containers.

    def create(self, request: Request) -> Reply:
        account, now = self.own(request), self.now()
        container = self.read_container(account, self.fields(request))
        recent = [
            c for c in self.containers.values() if c.account is account and c.made_at > now - DAY_SECONDS
        ]
        if len(recent) >= CONTAINERS_A_DAY:
            raise self.refusal(429)
        self.containers[container.id] = container
        return Reply(200, {"id": container.id})

    def container(
        self, account: Account, kind: str, text: str | None, fields: dict[str, Any], data: bytes | None
    ) -> Container:
        """A new container, not yet kept. data: of its video; None where there is none, or it was not seen."""
        video = "video_url" in fields
        failure = ""
        if data is not None and video:
            failure = self.failures[0] if POISON in data else self.failures[1] if FLAKY in data else ""
        return Container(
            id=str(self.next_number(8)),
            account=account,
            kind=kind,
            text=text,
            made_at=self.now(),
            looks_left=2 if video else 1,
            child=truth(fields.get("is_carousel_item")) is True,
            failure=failure,
            media=tuple(fields[name] for name in ("image_url", "video_url") if name in fields),
            fields=fields,
        )

    def download(self, fields: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
        """Bytes and type of the one address in `fields`; None: believed unseen. Raises ValueError."""
        url = str(fields.get("image_url") or fields.get("video_url"))
        if not url.isascii():
            raise ValueError("the address is not ASCII")
        data = self.fetch(url)
        return data, None if data is None else (media_type(data) or "unknown")

    def listing(self, request: Request, posts: Iterable[Post]) -> Reply:
        return self.page([post.body for post in posts], request, default=("id",))

    def children(
        self, account: Account, ids: Any, least: int, most: int, *, wrong: str, early: str
    ) -> list[Container]:
        """The finished children of a carousel. wrong: code for their number or kind; early: for unfinished ones."""
        names = [name for name in str(ids or "").split(",") if name]
        if not least <= len(names) <= most:
            raise self.bad(f"A carousel has {least} to {most} children", wrong)
        found = [self.containers.get(name) for name in names]
        if len(set(names)) < len(names) or any(
            c is None or c.account is not account or not c.child for c in found
        ):
            raise self.bad("A child is unknown, there twice, or was not made as one", wrong)
        children = [c for c in found if c is not None]
        if any(self.state_of(c) != "FINISHED" for c in children):
            raise self.bad("A child is not ready", early)
        return children

    def state_of(self, container: Container) -> str:
        if container.published:
            return "PUBLISHED"
        if container.made_at + DAY_SECONDS <= self.now():
            return "EXPIRED"
        if container.looks_left:
            return "IN_PROGRESS"
        return "ERROR" if container.failure else "FINISHED"

    def node(self, request: Request) -> Reply:
        """A container, a post, or the account itself."""
        name, account = request.params["id"], request.account
        container = self.containers.get(name)
        post = self.posts.get(name)
        if container and container.account is account:
            if container.looks_left:
                container.looks_left -= 1
            state = self.state_of(container)
            words = container.failure if state == "ERROR" else None
            body = {"id": name, self.status_field: state, self.failure_field: words}
        elif post and post.account is account and not post.deleted:
            body = self.post_body(post)
        elif name == account.id:
            body = self.user_body(account)
        else:
            raise self.refusal(404)
        return Reply(200, self.pick(body, request, default=("id",)))

    def publish(self, request: Request) -> Reply:
        account = self.own(request)
        creation_id = str(self.fields(request, ("creation_id",)).get("creation_id"))
        container = self.containers.get(creation_id)
        if container is None or container.account is not account:
            raise self.bad("The requested resource does not exist", self.unknown)
        state = self.state_of(container)
        if container.child:
            raise self.bad("A child of a carousel cannot be published")
        if state == "PUBLISHED":
            raise self.bad("The container is published already")
        if state == "EXPIRED":
            raise self.bad("The media has expired", self.expired)
        if state != "FINISHED":
            raise self.bad("The media is not ready for publishing, please wait for a moment", self.not_ready)
        self.check_quota(container)
        post = self.add_post(self.post_of(container), request)
        container.published = post.id
        return Reply(200, {"id": post.id})

    def published_today(self, account: Account, *, replies: bool = False) -> int:
        """Posts (or replies) of the last 24 hours."""
        since = self.now() - DAY_SECONDS
        return sum(post.created_at > since and bool(post.reply_to) is replies for post in account.posts)


def truth(value: Any) -> bool | None:
    """true or false as JSON or a form has them; None for anything else."""
    return {"true": True, "false": False}.get(str(value).lower())
