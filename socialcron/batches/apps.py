"""What settings give to accounts without their own: the app that acts for them, and Supabase's address and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from socialcron.errors import PlatformFailure
from socialcron.platforms.base import App
from socialcron.settings import Settings
from socialcron.store.tokens import AccountRow

# platform -> the settings that hold client id and secret of its app
APPS: Mapping[str, tuple[str, str]] = {
    "facebook": ("facebook_app_id", "facebook_app_secret"),
    "google_business": ("google_client_id", "google_client_secret"),
    "instagram": ("instagram_app_id", "instagram_app_secret"),
    "linkedin": ("linkedin_client_id", "linkedin_client_secret"),
    "pinterest": ("pinterest_client_id", "pinterest_client_secret"),
    "threads": ("threads_app_id", "threads_app_secret"),
    "tiktok": ("tiktok_client_key", "tiktok_client_secret"),
    "x": ("x_client_id", "x_client_secret"),
    "youtube": ("google_client_id", "google_client_secret"),
}
X_OAUTH1 = ("twitter_api_key", "twitter_api_secret")  # X gives an app another pair for each OAuth version


@dataclass(frozen=True, slots=True)
class Defaults:
    """Settings that stand in for an account's address and for keys of its credentials."""

    base_url: str
    credentials: Mapping[str, str]


DEFAULTS: Mapping[str, Defaults] = {
    "supabase": Defaults("supabase_url", {"key": "supabase_service_role_key"})
}


def app_for(
    platform: str, credentials: Mapping[str, Any], account_settings: Mapping[str, Any], settings: Settings
) -> App:
    """The application that acts for an account: its own, else the one its setting `app` names, else the platform's.

    Raises PlatformFailure when this host does not know the named one: another host may, and tokens of one app are
    of no use to the next.
    """
    if credentials.get("client_id"):
        return App(client_id=credentials["client_id"], client_secret=credentials.get("client_secret"))
    if name := account_settings.get("app"):
        app = named_app(str(name), settings)
        if not app.client_id:
            variables = " and ".join(app_variables(platform, str(name)))
            raise PlatformFailure(
                f"{platform}: the app {name!r} is not known on this host",
                retryable=True,
                hint=f"Set {variables}.",
            )
        return app
    names = X_OAUTH1 if platform == "x" and "token_secret" in credentials else APPS.get(platform)
    if names is None:
        return App()
    return App(client_id=getattr(settings, names[0]), client_secret=getattr(settings, names[1]))


def named_app(name: str, settings: Settings) -> App:
    key = _variable_part(name)
    return App(client_id=settings.app_client_ids.get(key), client_secret=settings.app_client_secrets.get(key))


def app_variables(platform: str, name: str | None = None) -> tuple[str, ...]:
    """The environment variables that hold the platform's app, or the one of that name. Empty: there are none."""
    if name is not None:
        prefix = f"SOCIALCRON_APP_{_variable_part(name)}_CLIENT_"
        return f"{prefix}ID", f"{prefix}SECRET"
    variables = {spec.name: str(spec.metadata["env"]) for spec in fields(Settings)}
    return tuple(variables[field] for field in APPS.get(platform, ()))


def with_defaults(
    row: AccountRow, credentials: Mapping[str, Any], settings: Settings
) -> tuple[AccountRow, Mapping[str, Any]]:
    """The account and its opened credentials, completed from settings where its platform has such."""
    base_url = default_base_url(row.platform, settings)
    if "base_url" not in row.settings and base_url:
        row = replace(row, settings={"base_url": base_url, **row.settings})
    return row, credentials or default_credentials(row.platform, row.settings.get("base_url"), settings)


def default_base_url(platform: str, settings: Settings) -> str | None:
    defaults = DEFAULTS.get(platform)
    return getattr(settings, defaults.base_url) if defaults else None


def default_credentials(platform: str, base_url: str | None, settings: Settings) -> dict[str, Any]:
    """Only for the server they belong to: an account with another address must bring its own. Else empty."""
    ours = default_base_url(platform, settings)
    if not ours or (base_url or ours).rstrip("/") != ours.rstrip("/"):
        return {}
    named = {key: getattr(settings, field) for key, field in DEFAULTS[platform].credentials.items()}
    return named if all(named.values()) else {}


def _variable_part(name: str) -> str:
    return name.upper().replace("-", "_")
