"""Settings, read from the environment once. Every name is in `.env.example` too; a test compares the two."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socialcron.errors import ConfigError, reason

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def _text(value: str) -> str:
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser()


def _flag(value: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]


def _address(value: str) -> str:
    if not value.startswith(("https://", "http://")) or len(value.split()) > 1:
        raise ValueError
    return value.rstrip("/")


def _whole(least: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        number = int(value)
        if number < least:
            raise ValueError
        return number

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        return next(choice for choice in choices if choice.lower() == value.lower())

    return parse


def _setting(
    name: str, parse: Callable[[str], Any], takes: str, *, default: Any = None, secret: bool = False
) -> Any:
    """A field read from the variable `name`; `takes` completes "NAME takes ...". Secrets stay out of repr."""
    return field(
        default=default,
        repr=not secret,
        metadata={"env": name, "parse": parse, "takes": takes, "secret": secret},
    )


def _number(name: str, default: int, *, least: int = 1) -> Any:
    return _setting(name, _whole(least), f"a whole number, {least} or more", default=default)


def _plain(name: str, takes: str) -> Any:
    return _setting(name, _text, takes)


def _secret(name: str, takes: str) -> Any:
    return _setting(name, _text, takes, secret=True)


def _secret_by_name(name: str, takes: str) -> Any:
    """A dict of as many secrets as there are variables `name` with another word for NAME in it, by that word."""
    return field(
        default_factory=dict,
        repr=False,
        hash=False,
        metadata={"env": name, "parse": _text, "takes": takes, "secret": True, "by_name": True},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """None means unset. Read a secret from a file by naming it in NAME_FILE instead of NAME."""

    database_url: str | None = _secret("DATABASE_URL", "a URL: postgresql://user:password@host:5432/database")
    read_url: str | None = _secret("SOCIALCRON_READ_URL", "a URL of a replica")
    home: Path = _setting("SOCIALCRON_HOME", _path, "a directory", default=Path())
    secret_key: str | None = _secret("SOCIALCRON_SECRET_KEY", "keys made by `socialcron init`, newest first")

    tz: str | None = _plain("TZ", "an IANA name such as Europe/Berlin")
    log_level: str = _setting(
        "LOG_LEVEL",
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "DEBUG, INFO, WARNING or ERROR",
        default="INFO",
    )
    log_format: str | None = _setting("LOG_FORMAT", _one_of("text", "json"), "text or json")

    concurrency: int = _number("CONCURRENCY", 5)
    look_ahead_minutes: int = _number("LOOK_AHEAD_MINUTES", 1, least=0)
    stuck_threshold_minutes: int = _number("STUCK_THRESHOLD_MINUTES", 10, least=0)
    lateness_hours: int = _number("SOCIALCRON_LATENESS_HOURS", 24)
    catch_up_cap: int = _number("SOCIALCRON_CATCH_UP_CAP", 10)
    breaker_per_hour: int = _number("SOCIALCRON_BREAKER_PER_HOUR", 60)
    duplicate_window_minutes: int = _number("SOCIALCRON_DUPLICATE_WINDOW_MINUTES", 10, least=0)
    send_deadline_seconds: int = _number("SOCIALCRON_SEND_DEADLINE_SECONDS", 60)
    lease_seconds: int = _number("SOCIALCRON_LEASE_SECONDS", 120, least=10)

    metrics_ladder: str = _setting(
        "SOCIALCRON_METRICS_LADDER",
        _text,
        "UNTIL_AGE:EVERY pairs",
        default="24h:1h,3d:6h,7d:12h,14d:24h,30d:3d",
    )

    history_days: int = _number("SOCIALCRON_HISTORY_DAYS", 730)
    runs_days: int = _number("SOCIALCRON_RUNS_DAYS", 30)

    ping_url: str | None = _setting(
        "SOCIALCRON_PING_URL", _address, "an address, as in https://hc-ping.com/PING_KEY", secret=True
    )
    prometheus_dir: Path | None = _setting("SOCIALCRON_PROMETHEUS_DIR", _path, "a directory")
    periods: str = _setting(
        "SOCIALCRON_PERIODS",
        _text,
        "COMMAND:PERIOD pairs",
        default="post-due:1m,collect-metrics:15m,trigger-monitoring:10m,cache-media:1h,maintain:24h,accounts-refresh:24h",
    )

    media_root: Path | None = _setting("SOCIALCRON_MEDIA_ROOT", _path, "a directory")
    media_url: str | None = _setting(
        "SOCIALCRON_MEDIA_URL", _address, "an https address, as in https://cdn.example/media"
    )
    max_media_bytes: int = _number("SOCIALCRON_MAX_MEDIA_BYTES", 1 << 30)
    allow_private_media: bool = _setting(
        "SOCIALCRON_ALLOW_PRIVATE_MEDIA", _flag, "true or false", default=False
    )

    cache_dir: Path | None = _setting("SOCIALCRON_CACHE_DIR", _path, "a directory")
    cache_max_bytes: int = _number("SOCIALCRON_CACHE_MAX_BYTES", 5 << 30)
    cache_max_file_bytes: int = _number("SOCIALCRON_CACHE_MAX_FILE_BYTES", 20_000_000)

    twitter_api_key: str | None = _secret("TWITTER_API_KEY", "the consumer key of an X app")
    twitter_api_secret: str | None = _secret("TWITTER_API_SECRET", "the consumer secret of an X app")
    x_client_id: str | None = _secret("X_CLIENT_ID", "the OAuth 2.0 client id of an X app")
    x_client_secret: str | None = _secret("X_CLIENT_SECRET", "the OAuth 2.0 client secret of an X app")
    tiktok_client_key: str | None = _secret("TIKTOK_CLIENT_KEY", "the client key of a TikTok app")
    tiktok_client_secret: str | None = _secret("TIKTOK_CLIENT_SECRET", "the client secret of a TikTok app")
    facebook_app_id: str | None = _secret("FACEBOOK_APP_ID", "the id of a Meta app")
    facebook_app_secret: str | None = _secret("FACEBOOK_APP_SECRET", "the secret of a Meta app")
    instagram_app_id: str | None = _secret("INSTAGRAM_APP_ID", "the Instagram app id of a Meta app")
    instagram_app_secret: str | None = _secret(
        "INSTAGRAM_APP_SECRET", "the Instagram app secret of a Meta app"
    )
    threads_app_id: str | None = _secret("THREADS_APP_ID", "the Threads app id of a Meta app")
    threads_app_secret: str | None = _secret("THREADS_APP_SECRET", "the Threads app secret of a Meta app")
    google_client_id: str | None = _secret("GOOGLE_CLIENT_ID", "the client id of a Google Cloud project")
    google_client_secret: str | None = _secret(
        "GOOGLE_CLIENT_SECRET", "the client secret of a Google Cloud project"
    )
    linkedin_client_id: str | None = _secret("LINKEDIN_CLIENT_ID", "the client id of a LinkedIn app")
    linkedin_client_secret: str | None = _secret(
        "LINKEDIN_CLIENT_SECRET", "the client secret of a LinkedIn app"
    )
    pinterest_client_id: str | None = _secret("PINTEREST_CLIENT_ID", "the id of a Pinterest app")
    pinterest_client_secret: str | None = _secret("PINTEREST_CLIENT_SECRET", "the secret of a Pinterest app")
    # Further apps of any platform, by the name that an account's setting `app` gives.
    app_client_ids: Mapping[str, str] = _secret_by_name("SOCIALCRON_APP_NAME_CLIENT_ID", "a client id")
    app_client_secrets: Mapping[str, str] = _secret_by_name(
        "SOCIALCRON_APP_NAME_CLIENT_SECRET", "a client secret"
    )
    scrapecreators_api_key: str | None = _secret("SCRAPECREATORS_API_KEY", "an API key")
    scrapecreators_url: str | None = _setting("SOCIALCRON_SCRAPECREATORS_URL", _address, "an https address")
    monitoring_max_pages: int = _number("SOCIALCRON_MONITORING_MAX_PAGES", 500)
    supabase_url: str | None = _plain("SUPABASE_URL", "https://PROJECT.supabase.co")
    supabase_service_role_key: str | None = _secret("SUPABASE_SERVICE_ROLE_KEY", "the service role key")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read `environ`; an empty value counts as unset. Raises ConfigError naming the variable."""
        values: dict[str, Any] = {"home": _default_home(environ)}
        for spec in fields(cls):
            name = spec.metadata["env"]
            if "by_name" in spec.metadata:
                values[spec.name] = _by_name(name, environ)
                continue
            text = environ.get(name, "").strip()
            if not text and spec.metadata["secret"]:
                text = _from_file(name, environ)
            if not text:
                continue
            try:
                values[spec.name] = spec.metadata["parse"](text)
            except (ValueError, KeyError, StopIteration) as exc:
                shown = "that value" if spec.metadata["secret"] else repr(text)
                raise ConfigError(
                    f"{name} cannot be {shown}", hint=f"{name} takes {spec.metadata['takes']}."
                ) from exc
        settings = cls(**values)
        if settings.lease_seconds <= settings.send_deadline_seconds:
            raise ConfigError(
                "SOCIALCRON_LEASE_SECONDS must be longer than SOCIALCRON_SEND_DEADLINE_SECONDS",
                hint="A send must end while its claim still holds; the defaults are 120 and 60.",
            )
        if (settings.media_url or "").startswith("http://") and not settings.allow_private_media:
            raise ConfigError(
                "SOCIALCRON_MEDIA_URL must be an https address",
                hint="SOCIALCRON_ALLOW_PRIVATE_MEDIA=true allows plain http, for tests.",
            )
        return settings

    @classmethod
    def load(cls, env_file: Path | None = None) -> Settings:
        """Read the process environment over `env_file`, or over `.env` in the working directory if there is one.

        Raises ConfigError, also when `env_file` is named and cannot be read.
        """
        environ = dict(os.environ)
        for name, value in read_env_file(env_file).items():
            # NAME in the environment also beats NAME_FILE in the file, and the other way round.
            names = {name, name.removesuffix("_FILE"), f"{name}_FILE"}
            if value is not None and not names & os.environ.keys():
                environ[name] = value
        return cls.from_env(environ)

    def secrets(self) -> list[str]:
        """Every value that must not be shown. Database URLs are left to the engine, which knows their password."""
        found = [getattr(self, spec.name) for spec in fields(self) if spec.metadata["secret"]]
        named = [*self.app_client_ids.values(), *self.app_client_secrets.values()]
        return (
            [value for value in found if isinstance(value, str)] + named + (self.secret_key or "").split(",")
        )

    def zone(self) -> ZoneInfo | None:
        """The zone of naive times, from TZ. Checked here and not at start: a host's TZ need not be an IANA name."""
        if self.tz is None:
            return None
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError) as exc:
            raise ConfigError(
                f"TZ is {self.tz!r}, which is no IANA time zone", hint="Try TZ=Europe/Berlin, or pass --tz."
            ) from exc


def read_env_file(env_file: Path | None = None) -> dict[str, str | None]:
    """What `env_file`, else `.env` in the working directory, sets; nothing if there is none of that name.

    Raises ConfigError, also when `env_file` is named and cannot be read.
    """
    path = env_file or Path(".env")
    if not env_file and not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        with path.open(encoding="utf-8") as stream:
            return dotenv_values(stream=stream, interpolate=False)  # "$" in a password is a "$"
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot read {path}: {reason(exc)}", hint="Name a readable file.") from exc


def _default_home(environ: Mapping[str, str]) -> Path:
    data = environ.get("XDG_DATA_HOME") or environ.get("HOME", "~") + "/.local/share"
    return Path(data).expanduser() / "socialcron"


def _by_name(variable: str, environ: Mapping[str, str]) -> dict[str, str]:
    """{"SHOP": value} of SOCIALCRON_APP_SHOP_CLIENT_ID, say, or of the file that the same with _FILE names."""
    pattern = re.compile(f"({variable.replace('NAME', '([A-Z0-9_]+)')})(?:_FILE)?")
    found = {match[2]: match[1] for name in environ if (match := pattern.fullmatch(name))}
    texts = {name: environ.get(env, "").strip() or _from_file(env, environ) for name, env in found.items()}
    return {name: text for name, text in texts.items() if text}


def _from_file(name: str, environ: Mapping[str, str]) -> str:
    path = environ.get(f"{name}_FILE", "").strip()
    if not path:
        return ""
    hint = f"It names a file that holds {name}."
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as exc:  # ValueError: not UTF-8, or no name for a file
        raise ConfigError(f"{name}_FILE cannot be read: {reason(exc)}", hint=hint) from exc
    if not text:  # a secret that was not mounted yet: going on without it would be a riddle
        raise ConfigError(f"{name}_FILE names an empty file", hint=hint)
    return text
