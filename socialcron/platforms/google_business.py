"""Google Business Profile: what is new, events and offers of one location, shown on Search and Maps.

API: My Business v4 (`localPosts` exist nowhere else), with Account Management v1 and Business Information v1 for what
an account may post to. Documentation: https://developers.google.com/my-business/content/posts-data

Google takes a post at once and judges it later: PROCESSING, then LIVE or REJECTED. There is no key and no check for
duplicates, so a post whose name was lost is looked for in the location's list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
)
from socialcron.model import (
    Accepted,
    Account,
    Confirmed,
    Connectable,
    Identity,
    LimitSeen,
    Look,
    PreparedStep,
    Problem,
    Ready,
    Step,
    Tokens,
)
from socialcron.platforms import google
from socialcron.platforms.base import (
    OAUTH2,
    App,
    Declaration,
    Grant,
    Limit,
    MediaRule,
    address,
    default_error,
    key_text,
    optional_str,
    require_moment,
    require_str,
)
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import media_problems, url_problems

_HOST = "https://mybusiness.googleapis.com"
_ACCOUNTS = "https://mybusinessaccountmanagement.googleapis.com"
_LOCATIONS = "https://mybusinessbusinessinformation.googleapis.com"
_POSTS = "https://developers.google.com/my-business/content/posts-data"
_QUOTA = "https://developers.google.com/my-business/content/limits"
_PHOTOS = "https://support.google.com/business/answer/6103862"
_READ_ON = "2026-09-11"

_LOCATION = re.compile(r"accounts/[\w-]+/locations/[\w-]+", re.ASCII)
_NAME = re.compile(rf"{_LOCATION.pattern}/localPosts/[\w-]+", re.ASCII)
_PAGE = 100  # the most one page holds
_MAX_PAGES = 50
_LOOK_AGAIN_SECONDS = 30.0
_GRACE = timedelta(hours=1)  # a post that was accepted and is not found yet may still be on its way
_TOPICS = ("STANDARD", "EVENT", "OFFER")
_ACTIONS = ("BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "CALL")
_EVENT_OPTIONS = ("event_title", "event_start", "event_end")
_OFFER_OPTIONS = ("coupon_code", "redeem_url", "terms")
# Written with the country's prefix a number is certainly one to call; Google rejects them all, but finds them later.
_PHONE = re.compile(r"(?<![\w+])\+\d(?:[ ()/-]*\d){9,14}(?!\d)", re.ASCII)
_LANGUAGE = "language of the text as a BCP 47 tag, as in en-US"


class GoogleBusiness:
    declaration: ClassVar[Declaration] = Declaration(
        name="google_business",
        title="Google Business Profile",
        documentation=_POSTS,
        default_base_url=_HOST,
        features=frozenset({"media", "link"}),
        limits=(
            # The number is no longer on Google's pages; field notes of 2026-07-22 saw 1501 refused.
            Limit(name="text", value=1500, unit="characters", source=_POSTS, date=_READ_ON),
            Limit(name="event_title", value=58, unit="characters", source=_POSTS, date=_READ_ON),
            Limit(name="media", value=1, unit="photo", source=_POSTS, date=_READ_ON),
            Limit(name="edits", value=10, unit="per minute and location", source=_QUOTA, date=_READ_ON),
            Limit(name="requests", value=300, unit="per minute and project", source=_QUOTA, date=_READ_ON),
        ),
        credentials=(OAUTH2,),
        media=(
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg", "image/png"}),
                by_url=True,
                source=_PHOTOS,
                date=_READ_ON,
                min_bytes=10_240,
                max_bytes=5_000_000,
                min_width=250,
                min_height=250,
            ),
        ),
        settings={
            "base_url": "address of a proxy in place of all of Google's hosts",
            "location": "full name of the location, as in accounts/11/locations/22; unset: the account's external id",
            "language_code": _LANGUAGE,
        },
        options={
            "topic_type": "STANDARD (default), EVENT or OFFER",
            "event_title": "name of the event or offer",
            "event_start": "when the event or offer begins, in the location's own time, as in 2026-12-01T09:00",
            "event_end": "when it ends, in the location's own time",
            "coupon_code": "code of an offer",
            "redeem_url": "where an offer is redeemed; without it, the post's link",
            "terms": "terms and conditions of an offer",
            "call_to_action": "button: BOOK, ORDER, SHOP, LEARN_MORE (default with a link), SIGN_UP or CALL",
            "call_to_action_url": "where the button leads; without it, the post's link",
            "language_code": _LANGUAGE,
        },
        authorization=google.authorization("business.manage"),
        refresh_early_seconds=google.REFRESH_EARLY_SECONDS,
        reconcile="listing",
        honest_limits="Google must approve each Cloud project for this API; before that, its quota is 0. Posts are "
        "judged after they were accepted and may be rejected then. Google fetches photos itself, from a public "
        "https address. A post whose answer was lost is looked for in the location's list, which may lag.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        return [problem for step in steps for problem in _problems(step)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        """For one location: v4 wants its name below the account's and answers 404 to the short one of v1."""
        location = str(account.settings.get("location") or account.external_id or "")
        if not _LOCATION.fullmatch(location):
            raise PlatformFailure(
                f"{account}: {location[:80]!r} is not the full name of a location",
                hint="Connect it, or name it: `socialcron accounts set ID location=accounts/.../locations/...`.",
                retryable=False,
            )
        return _session(account, credentials, app, http, location)

    def prepare(self, step: Step, session: Session) -> Ready:
        """Nothing is invisible here: Google fetches the photo when the post is made.

        handles: `location`, its full name; `name`, the post's, once Google has accepted it.
        """
        return Ready(request=_render(step, session.settings), handles={"location": session.account_id})

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed | Accepted:
        """Create the post; return its name and address if it is live, else how to ask for it.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts/create
        """
        location = step.handles["location"]
        answer = session.write("POST", f"/v4/{location}/localPosts", json=dict(step.request))
        name = optional_str(answer.json, "name")
        if name is None or not _NAME.fullmatch(name):
            raise OutcomeUnknown(
                f"{session.where}: the answer to the new post has no name", http_status=answer.status
            )
        if answer.json.get("state") == "LIVE":
            return _confirmed(name, answer.json)
        return Accepted(handles={"location": location, "name": name}, seconds=_LOOK_AGAIN_SECONDS)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Ask for the post by its name; without one, look through all posts of the location.

        Source: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts/list
        """
        location, name = step.handles.get("location"), step.handles.get("name")
        sent_at = step.first_sending_at
        if location is None or sent_at is None:
            return Look(complete=False)
        if name is None:
            return _look_in_list(str(location), step.request, sent_at, session)
        answer = session.read("GET", f"/v4/{name}", accept=(404,))
        if answer.status == 404 and datetime.now(UTC) - sent_at < _GRACE:
            return Look(complete=False, waiting_seconds=_LOOK_AGAIN_SECONDS)
        if answer.status == 404:
            return Look(
                complete=False,
                certain=True,
                failure=Rejected(f"{session.where}: Google took the post and has it no more"),
            )
        look = _verdict(require_str(answer.json, "name", session.where), answer.json, session)
        return replace(look, certain=True)

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        return google.can_refresh(credentials)

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        return google.refresh(account, credentials, app, http)

    def identify(self, session: Session) -> Identity:
        """The location, which must be among those that the token gives access to."""
        location = str(session.account_id)
        title = _title_of(location, session)
        if title is None:
            raise AuthExpired(
                f"{session.where}: the token gives no access to {location}",
                hint="Connect with an owner or manager of the location.",
            )
        return Identity(external_id=location, handle=title)

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """Every location of every account that the person manages.

        Sources: https://developers.google.com/my-business/reference/accountmanagement/rest/v1/accounts/list and
        https://developers.google.com/my-business/reference/businessinformation/rest/v1/accounts.locations/list
        """
        tokens, scopes = google.trade_code(grant, app, settings, http, "Google Business Profile")
        account = Account(id=0, platform="google_business", handle="new", settings=settings)
        session = _session(account, tokens.credentials, app, http, None)
        found = []
        owners, _ = _items(address(settings, f"{_ACCOUNTS}/v1/accounts"), "accounts", {}, session)
        for owner in (require_str(item, "name", session.where) for item in owners):
            for item in _locations(owner, session):
                location = f"{owner}/{require_str(item, 'name', session.where)}"
                found.append(
                    Connectable(
                        external_id=location,
                        handle=require_str(item, "title", session.where),
                        tokens=tokens,
                        settings={"location": location},
                        scopes=scopes,
                    )
                )
        return found


def _session(
    account: Account, credentials: Mapping[str, Any], app: App, http: Http, location: str | None
) -> Session:
    return google.session(
        account,
        credentials,
        app,
        http,
        host=_HOST,
        explain=_explain,
        limits=_limits_seen,
        account_id=location,
    )


# --- what a post becomes ---------------------------------------------------------------------------------------


def _problems(step: Step) -> Iterator[Problem]:
    declared, choice, topic = GoogleBusiness.declaration, step.options, _topic(step.options)
    if len(step.media) > declared.limit("media"):
        yield Problem(
            field="media",
            message=f"{len(step.media)} attachments, at most {declared.limit('media')}, a photo",
        )
    yield from media_problems(step.media, declared.media)
    yield from url_problems(step.media, declared.title)
    text = step.text.strip()
    if not text and not step.media:
        yield Problem(field="text", message="the text is empty")
    if len(text) > declared.limit("text"):
        yield Problem(field="text", message=f"{len(text)} characters, at most {declared.limit('text')}")
    if phone := _PHONE.search(text):
        yield Problem(
            field="text",
            message=f"Google rejects posts with a phone number ({phone[0]}); the option call_to_action=CALL shows it",
        )
    if topic not in _TOPICS:
        yield Problem(
            field="options.topic_type", message=f"{choice['topic_type']!r} is none of {', '.join(_TOPICS)}"
        )
        return
    for names, topics in ((_EVENT_OPTIONS, ("EVENT", "OFFER")), (_OFFER_OPTIONS, ("OFFER",))):
        for name in names:
            if choice.get(name) and topic not in topics:
                yield Problem(
                    field=f"options.{name}",
                    message=f"only with topic_type {' or '.join(topics)}, not {topic}",
                )
    if topic != "STANDARD":
        yield from _event_problems(choice, topic)
    if topic == "OFFER" and choice.get("redeem_url"):
        yield from _address_problems("redeem_url", choice["redeem_url"])
    yield from _action_problems(step, topic)


def _event_problems(choice: Mapping[str, Any], topic: str) -> Iterator[Problem]:
    title = str(choice.get("event_title") or "").strip()
    most = GoogleBusiness.declaration.limit("event_title")
    if not title:
        yield Problem(field="options.event_title", message=f"is needed for topic_type {topic}")
    if len(title) > most:
        yield Problem(field="options.event_title", message=f"{len(title)} characters, at most {most}")
    moments = [_local_time(choice.get(name)) for name in ("event_start", "event_end")]
    for name, moment in zip(("event_start", "event_end"), moments, strict=True):
        if moment is None:
            given = f"{choice[name]!r} is no" if choice.get(name) else "must be a"
            yield Problem(
                field=f"options.{name}",
                message=f"{given} local time without an offset, as in 2026-12-01T09:00 ({topic} needs it)",
            )
    start, end = moments
    if start and end and end <= start:
        yield Problem(field="options.event_end", message="must be after event_start")


def _action_problems(step: Step, topic: str) -> Iterator[Problem]:
    choice, action = step.options, _action(step)
    if topic == "OFFER":
        for name in ("call_to_action", "call_to_action_url"):
            if choice.get(name):
                yield Problem(field=f"options.{name}", message="an offer has no button; it has redeem_url")
        return
    if action is None:
        return
    url = choice.get("call_to_action_url") or step.link
    if action not in _ACTIONS:
        yield Problem(
            field="options.call_to_action",
            message=f"{choice['call_to_action']!r} is none of {', '.join(_ACTIONS)}",
        )
    elif action == "CALL" and url:
        yield Problem(
            field="options.call_to_action", message="CALL dials the location's number and has no link"
        )
    elif action != "CALL" and not url:
        yield Problem(field="options.call_to_action", message=f"{action} needs a link")
    elif url:
        yield from _address_problems("call_to_action_url", url)


def _address_problems(name: str, url: Any) -> Iterator[Problem]:
    try:
        parts = urlsplit(str(url))
        usable = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        usable = None
    if not usable:
        yield Problem(field=f"options.{name}", message=f"{url!r} is not an http(s) URL")


def _render(step: Step, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a new post. What nobody chose is left out.

    Source: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts#LocalPost
    """
    choice, topic, action = step.options, _topic(step.options), _action(step)
    body: dict[str, Any] = {
        "languageCode": choice.get("language_code") or settings.get("language_code"),
        "topicType": topic,
        "summary": step.text.strip(),
        "media": [{"mediaFormat": "PHOTO", "sourceUrl": item.url} for item in step.media],
    }
    start, end = _local_time(choice.get("event_start")), _local_time(choice.get("event_end"))
    if topic != "STANDARD" and start and end:
        body["event"] = {
            "title": str(choice.get("event_title") or "").strip(),
            "schedule": {
                "startDate": _date(start),
                "startTime": _time_of_day(start),
                "endDate": _date(end),
                "endTime": _time_of_day(end),
            },
        }
    if topic == "OFFER":
        offer = {
            "couponCode": choice.get("coupon_code"),
            "redeemOnlineUrl": choice.get("redeem_url") or step.link,
            "termsConditions": choice.get("terms"),
        }
        body["offer"] = {name: str(value) for name, value in offer.items() if value}
    elif action == "CALL":
        body["callToAction"] = {"actionType": action}
    elif action:
        body["callToAction"] = {
            "actionType": action,
            "url": str(choice.get("call_to_action_url") or step.link),
        }
    return {name: value for name, value in body.items() if value}


def _topic(choice: Mapping[str, Any]) -> str:
    return str(choice.get("topic_type") or "STANDARD").upper()


def _action(step: Step) -> str | None:
    """The button; None for none."""
    has_url = step.link or step.options.get("call_to_action_url")
    action = step.options.get("call_to_action") or ("LEARN_MORE" if has_url else None)
    return str(action).upper() if action else None


def _local_time(value: Any) -> datetime | None:
    """An ISO 8601 time without an offset; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(value or ""))
    except ValueError:
        return None
    return None if moment.tzinfo else moment


def _date(moment: datetime) -> dict[str, int]:
    return {"year": moment.year, "month": moment.month, "day": moment.day}


def _time_of_day(moment: datetime) -> dict[str, int]:
    return {"hours": moment.hour, "minutes": moment.minute}


# --- answers ---------------------------------------------------------------------------------------------------


def _confirmed(name: str, post: Mapping[str, Any]) -> Confirmed:
    url = optional_str(post, "searchUrl")
    return Confirmed(remote_id=name, url=url if url and url.startswith("https://") else None)


def _look_in_list(location: str, request: Mapping[str, Any], sent_at: datetime, session: Session) -> Look:
    """Posts with our text and type made since 60 s before the first send.

    Their order is not promised: only the whole list proves that the post is not there.
    """
    posts, complete = _items(f"/v4/{location}/localPosts", "localPosts", {"pageSize": str(_PAGE)}, session)
    since = sent_at - timedelta(seconds=60)
    found = [post for post in posts if _is_ours(post, request, since, session)]
    if found and not request.get("summary"):
        return Look(complete=False)  # without words, any photo of the owner's would be ours
    if len(found) == 1:
        return _verdict(require_str(found[0], "name", session.where), found[0], session)
    if not posts:
        # An empty list is an empty object, as nonsense may be: ask something that must have an answer, too.
        complete = _title_of(location, session) is not None
    matches = tuple(_confirmed(require_str(post, "name", session.where), post) for post in found)
    return Look(matches=matches, complete=complete)


def _verdict(name: str, post: Mapping[str, Any], session: Session) -> Look:
    """What Google thinks of one post of ours. Source: .../localPosts#LocalPostState"""
    state = require_str(post, "state", session.where)
    if state == "REJECTED":
        said = f"{session.where}: Google rejected the post for its content"
        return Look(complete=False, failure=Rejected(said, hint="The Business Profile says which policy."))
    if state == "PROCESSING":
        return Look(complete=False, waiting_seconds=_LOOK_AGAIN_SECONDS)
    return Look(matches=(_confirmed(name, post),))


def _is_ours(post: Mapping[str, Any], request: Mapping[str, Any], since: datetime, session: Session) -> bool:
    return (
        require_moment(post, "createTime", session.where) >= since
        and str(post.get("summary") or "").strip() == str(request.get("summary") or "")
        and post.get("topicType") == request.get("topicType")
    )


def _title_of(location: str, session: Session) -> str | None:
    """What the location is called; None when it is not among those that the token gives access to."""
    owner, _, short = location.partition("/locations/")
    for item in _locations(owner, session):
        if item.get("name") == f"locations/{short}":
            return require_str(item, "title", session.where)
    return None


def _locations(account_name: str, session: Session) -> list[Mapping[str, Any]]:
    url = address(session.settings, f"{_LOCATIONS}/v1/{account_name}/locations")
    return _items(url, "locations", {"readMask": "name,title"}, session)[0]


def _items(
    path: str, key: str, query: Mapping[str, str], session: Session
) -> tuple[list[Mapping[str, Any]], bool]:
    """The objects of a list, page after page, and whether these are all. Google leaves out a list that is empty."""
    items: list[Mapping[str, Any]] = []
    params = dict(query)
    for _ in range(_MAX_PAGES):
        body = session.read("GET", path, params=params).json
        listed = body.get(key, []) if isinstance(body, Mapping) else None
        if not isinstance(listed, list) or not all(isinstance(item, Mapping) for item in listed):
            raise PlatformFailure(f"{session.where}: the answer has no usable {key!r}", retryable=True)
        items += listed
        following = optional_str(body, "nextPageToken")
        if following is None:
            return items, True
        params["pageToken"] = following
    return items, False


# --- errors and limits -----------------------------------------------------------------------------------------

_QUOTA_SECONDS = 60.0  # quotas are per minute


def _explain(answer: Answer, where: str) -> PlatformError:
    """Source: https://developers.google.com/my-business/reference/rest/Shared.Types/ErrorCode"""
    status, detail = answer.status, "; ".join([google.detail(answer), *_field_errors(answer)])[:600]
    said = f"{where}: HTTP {status}{': ' + detail if detail else ''}"
    if b"LOCATION_DISABLED_FOR_LOCAL_POST_API" in answer.body:
        return PlatformFailure(
            said, hint="Google bars locations of chains from this API.", retryable=False, http_status=status
        )
    if status == 429:
        asked = answer.retry_after
        if asked is None and google.reason(answer) == "RESOURCE_EXHAUSTED":
            asked = _QUOTA_SECONDS
        return RateLimited(
            said,
            hint="A Cloud project that Google has not approved for this API has a quota of 0.",
            retry_after=asked,
            http_status=status,
        )
    if status == 403 and google.reason(answer):
        return AuthExpired(
            said,
            hint="The person needs a role at the location, and the Cloud project Google's approval and the API "
            "enabled.",
            http_status=status,
        )
    if status >= 500:
        return PlatformFailure(said, retryable=True, retry_after=answer.retry_after, http_status=status)
    return default_error(answer, where, detail)


def _field_errors(answer: Answer) -> Iterator[str]:
    """`summary: Must be at most 1500 characters`, wherever in the details it stands."""
    for item in google.details(answer):
        words = [optional_str(item, key) for key in ("field", "reason", "message")]
        if any(words):
            yield ": ".join(filter(None, words))


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """Google has no headers about its quotas: only what a 429 says."""
    if answer.status == 429:
        retry_after = _explain(answer, "").retry_after
        family = "publish" if answer.method == "POST" else "read"
        yield LimitSeen(family=family, retry_after=retry_after, blocked=True)
