"""The error tree, grouped by what the caller can do next.

    SocialcronError                 one clear message, a hint with the way out, an exit code
    |-- Refused                1    a person or a platform said no, and that was the whole of the command
    |-- UsageError             2    unknown id or name, impossible combination of options
    |-- BadInput              65    data we were given cannot be used; nothing of it was applied
    |-- DatabaseUnavailable   69    not reachable, read-only, or it went away
    |-- ServiceUnavailable    69    another needed service cannot be had (the sandbox's port, a media host)
    |-- Conflict              70    a UNIQUE guard said no; callers that expect it catch it
    |-- ConfigError           78    a setting is missing or wrong
    |   `-- SchemaError       78    schema missing, half-migrated, too old or too new
    `-- PlatformError               a platform did not do what we asked; becomes data on the post
        |-- RateLimited            come back after `retry_after`
        |-- Unavailable            provably nothing happened; try again
        |-- OutcomeUnknown         a visible write may have happened: look before repeating
        |-- AuthExpired            refresh the token once, then the account needs a person
        |-- Duplicate              the platform has it already
        |-- Rejected               this content will never pass
        `-- PlatformFailure        anything else; says itself whether it may be retried

Normal outcomes (nothing due, a refused post) are values, not errors.
"""

from __future__ import annotations

from typing import ClassVar

from socialcron.exitcodes import ExitCode
from socialcron.redaction import redact

LONGEST_WAIT_SECONDS = 31 * 86_400.0  # whatever a platform asks for: no limit of any of them is longer


class SocialcronError(Exception):
    """Base of everything we raise on purpose. `hint` tells the way out; None when the message already does."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(SocialcronError):
    code = "refused"
    exit_code = ExitCode.ITEM_FAILED


class UsageError(SocialcronError):
    code = "usage"
    exit_code = ExitCode.USAGE


class BadInput(SocialcronError):
    """`problems` names every bad line or field, in input order; the message sums them up."""

    code = "bad_input"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, hint: str | None = None, problems: list[str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems or []


class DatabaseUnavailable(SocialcronError):
    code = "database_unavailable"
    exit_code = ExitCode.UNAVAILABLE


class ServiceUnavailable(SocialcronError):
    code = "service_unavailable"
    exit_code = ExitCode.UNAVAILABLE


class Conflict(SocialcronError):
    """A UNIQUE constraint refused a row; `constraint` is its name."""

    code = "conflict"

    def __init__(self, message: str, *, constraint: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.constraint = constraint


class ConfigError(SocialcronError):
    code = "configuration"
    exit_code = ExitCode.CONFIG


class SchemaError(ConfigError):
    code = "schema"


class PlatformError(SocialcronError):
    """A platform did not do what we asked; the attributes say what may happen next."""

    error_class: ClassVar[str] = "platform_error"
    retryable: bool = False  # the same request may succeed later; False unless a class says otherwise
    outcome_unknown: ClassVar[bool] = False  # the platform may already have acted: look before repeating

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
        http_status: int | None = None,
    ) -> None:
        """retry_after: seconds the platform asked for, kept to a month; None means we choose the backoff."""
        super().__init__(_storable(message), hint=hint)
        self.retry_after = None if retry_after is None else min(retry_after, LONGEST_WAIT_SECONDS)
        self.http_status = http_status


def _storable(text: str) -> str:
    """A platform's words as they may be shown, for some repeat our token, and as PostgreSQL can keep them: no NUL, no
    half of a surrogate pair; JSON can hold both.
    """
    return redact(text).replace("\x00", "").encode(errors="replace").decode()


class RateLimited(PlatformError):
    error_class = "rate_limited"
    retryable = True


class Unavailable(PlatformError):
    error_class = "network"
    retryable = True


class OutcomeUnknown(PlatformError):
    error_class = "unknown_outcome"
    outcome_unknown = True


class AuthExpired(PlatformError):
    error_class = "auth_expired"


class Duplicate(PlatformError):
    error_class = "duplicate"


class Rejected(PlatformError):
    error_class = "invalid_content"


class PlatformFailure(PlatformError):
    """`retryable` is per case: a full disk at the platform passes, a spent money quota does not."""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        hint: str | None = None,
        retry_after: float | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, retry_after=retry_after, http_status=http_status)
        self.retryable = retryable


def reason(exc: Exception) -> str:
    """Why a file could not be read or written, without number and path: those are for programmers."""
    if isinstance(exc, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return (isinstance(exc, OSError) and exc.strerror) or str(exc)
