from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from socialcron.batches.apps import APPS, app_for, app_variables, default_credentials, with_defaults
from socialcron.errors import PlatformFailure
from socialcron.platforms import registry
from socialcron.platforms.base import App
from socialcron.settings import Settings
from socialcron.store.tokens import AccountRow

ENVIRONMENT = {
    spec.metadata["env"]: f"of {spec.metadata['env']}" for spec in fields(Settings) if spec.metadata["secret"]
}
ADDRESSES = {"SUPABASE_URL": "https://project.example/", "SOCIALCRON_PING_URL": "https://ping.example/key"}
SETTINGS = Settings.from_env(ENVIRONMENT | ADDRESSES)


def row(platform: str, **settings: Any) -> AccountRow:
    values: dict[str, Any] = dict.fromkeys(AccountRow.__dataclass_fields__)
    return AccountRow(**{**values, "id": 1, "platform": platform, "handle": "me", "settings": settings})


def test_apps__are_known_for_every_platform_that_needs_one() -> None:
    needing = {
        name
        for name in registry.names()
        if (declared := registry.declaration(name).authorization) and not declared.registers_app
    }
    assert set(APPS) >= needing


@pytest.mark.parametrize("platform", APPS)
def test_app_for__takes_the_platform_s_own_from_settings(platform: str) -> None:
    client_id, client_secret = app_variables(platform)
    app = app_for(platform, {"access_token": "t"}, {}, SETTINGS)
    assert app == App(client_id=f"of {client_id}", client_secret=f"of {client_secret}")


def test_app_for__takes_another_of_x_for_oauth_1() -> None:
    app = app_for("x", {"access_token": "t", "token_secret": "s"}, {}, SETTINGS)
    assert app == App(client_id="of TWITTER_API_KEY", client_secret="of TWITTER_API_SECRET")


def test_app_for__the_account_s_own_goes_first_then_the_one_it_names() -> None:
    settings = Settings.from_env(
        {
            "X_CLIENT_ID": "default",
            "SOCIALCRON_APP_SHOP_CLIENT_ID": "shop",
            "SOCIALCRON_APP_SHOP_CLIENT_SECRET": "s",
        }
    )
    own = {"client_id": "own", "access_token": "t"}
    assert app_for("x", own, {"app": "shop"}, settings) == App(client_id="own")
    assert app_for("x", {}, {"app": "shop"}, settings) == App(client_id="shop", client_secret="s")
    assert app_for("x", {}, {}, settings) == App(client_id="default")


def test_app_for__never_takes_another_app_for_one_that_is_not_known_here() -> None:
    with pytest.raises(PlatformFailure, match="'shop' is not known") as caught:
        app_for("x", {}, {"app": "shop"}, SETTINGS)
    assert caught.value.retryable
    assert caught.value.hint == "Set SOCIALCRON_APP_SHOP_CLIENT_ID and SOCIALCRON_APP_SHOP_CLIENT_SECRET."


def test_app_for__platforms_without_apps_have_none() -> None:
    assert app_for("bluesky", {"identifier": "me"}, {}, SETTINGS) == App()


def test_with_defaults__supabase_without_address_and_key_takes_those_of_settings() -> None:
    found, credentials = with_defaults(row("supabase", table="blog"), {}, SETTINGS)
    assert found.settings == {"base_url": "https://project.example/", "table": "blog"}
    assert credentials == {"key": "of SUPABASE_SERVICE_ROLE_KEY"}


def test_with_defaults__what_the_account_has_goes_first() -> None:
    found, credentials = with_defaults(
        row("supabase", base_url="https://mine.example"), {"key": "mine"}, SETTINGS
    )
    assert (found.settings["base_url"], credentials) == ("https://mine.example", {"key": "mine"})


def test_with_defaults__the_key_goes_to_no_other_address() -> None:
    _, credentials = with_defaults(row("supabase", base_url="https://elsewhere.example"), {}, SETTINGS)
    assert credentials == {}
    assert default_credentials("supabase", "https://project.example", SETTINGS) != {}


def test_with_defaults__leaves_other_platforms_alone() -> None:
    given = row("x", text_limit="280")
    assert with_defaults(given, {"access_token": "t"}, SETTINGS) == (given, {"access_token": "t"})
