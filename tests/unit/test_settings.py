from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from socialcron.errors import ConfigError
from socialcron.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"

NAMES = {spec.metadata["env"]: spec for spec in fields(Settings)}


def example_lines() -> dict[str, str]:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_env_example__lists_each_setting_and_nothing_else() -> None:
    assert example_lines().keys() == NAMES.keys()


def test_env_example__shows_the_defaults() -> None:
    example = Settings.from_env({"HOME": "/home/me", **example_lines()})

    assert example == Settings.from_env({"HOME": "/home/me"})


def test_from_env__unset_and_empty_are_none() -> None:
    settings = Settings.from_env({"DATABASE_URL": "", "HOME": "/home/me"})

    assert settings.database_url is None
    assert settings.log_format is None
    assert settings.home == Path("/home/me/.local/share/socialcron")


def test_from_env__home_follows_xdg() -> None:
    assert Settings.from_env({"XDG_DATA_HOME": "/data"}).home == Path("/data/socialcron")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONCURRENCY", "many"),
        ("CONCURRENCY", "0"),
        ("LOOK_AHEAD_MINUTES", "-1"),
        ("LOOK_AHEAD_MINUTES", "1.5"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("SOCIALCRON_ALLOW_PRIVATE_MEDIA", "maybe"),
    ],
)
def test_from_env__names_the_variable_it_cannot_read(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} cannot be '{value}'") as caught:
        Settings.from_env({name: value})

    assert caught.value.exit_code == 78
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"{name} takes ")


def test_from_env__refuses_a_lease_shorter_than_a_send() -> None:
    with pytest.raises(ConfigError, match="SOCIALCRON_LEASE_SECONDS"):
        Settings.from_env({"SOCIALCRON_LEASE_SECONDS": "60"})


def test_from_env__reads_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://me:pw@db/app\n")

    settings = Settings.from_env({"DATABASE_URL_FILE": str(tmp_path / "url")})

    assert settings.database_url == "postgresql://me:pw@db/app"


def test_from_env__says_which_secret_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SOCIALCRON_SECRET_KEY_FILE cannot be read"):
        Settings.from_env({"SOCIALCRON_SECRET_KEY_FILE": str(tmp_path / "none")})


def test_repr__shows_no_secret() -> None:
    secret = {name: f"https://hush-{name}" for name, spec in NAMES.items() if spec.metadata["secret"]}

    settings = Settings.from_env(secret)

    assert "hush" not in repr(settings)
    assert {f"https://hush-{name}" for name in secret} <= set(settings.secrets())


def test_load__the_environment_beats_the_file(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "CONCURRENCY=2\nLOG_LEVEL=debug\nDATABASE_URL=postgresql://u:pa$$word@h/d\n"
    )
    clean_environment.setenv("CONCURRENCY", "3")

    settings = Settings.load()

    assert settings.concurrency == 3
    assert settings.log_level == "DEBUG"
    assert settings.database_url == "postgresql://u:pa$$word@h/d"


def test_load__a_secret_file_in_the_environment_beats_the_secret_in_env_file(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://stale/app\n")
    (tmp_path / "url").write_text("postgresql://fresh/app")
    clean_environment.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))

    assert Settings.load().database_url == "postgresql://fresh/app"


def test_load__refuses_a_named_file_that_is_missing(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*typo\.env"):
        Settings.load(tmp_path / "typo.env")


def test_zone__refuses_what_is_no_iana_name() -> None:
    with pytest.raises(ConfigError, match="no IANA time zone"):
        Settings.from_env({"TZ": "Berlin"}).zone()


def test_zone__is_none_when_unset() -> None:
    assert Settings.from_env({}).zone() is None


def test_from_env__gathers_apps_by_their_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of-shop\n")
    settings = Settings.from_env(
        {
            "SOCIALCRON_APP_SHOP_CLIENT_ID": "shop",
            "SOCIALCRON_APP_SHOP_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
            "SOCIALCRON_APP_MY_2_CLIENT_ID": "mine",
            "SOCIALCRON_APP_EMPTY_CLIENT_ID": "",
        }
    )

    assert settings.app_client_ids == {"SHOP": "shop", "MY_2": "mine"}
    assert settings.app_client_secrets == {"SHOP": "of-shop"}
    assert {"shop", "mine", "of-shop"} <= set(settings.secrets())
    assert "of-shop" not in repr(settings)
