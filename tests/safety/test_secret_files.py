"""Every secret setting can come from a file, as Docker and Kubernetes mount them; what is no secret is an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest

from socialcron.errors import ConfigError
from socialcron.settings import Settings

SECRETS = [spec for spec in fields(Settings) if spec.metadata["secret"] or "by_name" in spec.metadata]
URL = "https://hush.example/Q7"  # what each of them takes: some want an address


def variable(name: str) -> str:
    """Of an app called SHOP, where the setting has a NAME in it."""
    return name.replace("_NAME_", "_SHOP_")


def value(settings: Settings, field: str) -> object:
    found = getattr(settings, field)
    return found.get("SHOP") if isinstance(found, dict) else found


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root reads every file; for a moment we are not root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_secrets__are_those_with_a_secret_in_their_name_and_more() -> None:
    named = {spec.metadata["env"] for spec in SECRETS}
    for spec in fields(Settings):
        name = spec.metadata["env"]
        if any(word in name for word in ("SECRET", "KEY", "PASSWORD", "TOKEN")) or name == "DATABASE_URL":
            assert name in named, name
    assert len(named) > 20


@pytest.mark.parametrize("spec", SECRETS, ids=lambda spec: spec.metadata["env"])
def test_every_secret__is_read_from_a_file(spec: object, tmp_path: Path) -> None:
    name = variable(spec.metadata["env"])  # type: ignore[attr-defined]
    field = spec.name  # type: ignore[attr-defined]
    # As Kubernetes mounts it: a link to a link, so that all secrets of a volume change at one moment.
    (tmp_path / "..2026_11_22").mkdir()
    (tmp_path / "..2026_11_22" / "secret").write_bytes(f" {URL}\r\n\n".encode())
    (tmp_path / "..data").symlink_to("..2026_11_22")
    (tmp_path / "secret").symlink_to("..data/secret")

    settings = Settings.from_env({f"{name}_FILE": str(tmp_path / "secret")})

    assert value(settings, field) == URL
    assert URL in settings.secrets()
    assert URL not in repr(settings)


@pytest.mark.parametrize("spec", SECRETS, ids=lambda spec: spec.metadata["env"])
def test_every_secret__given_both_ways_is_the_one_beside_its_name(spec: object, tmp_path: Path) -> None:
    name = variable(spec.metadata["env"])  # type: ignore[attr-defined]
    field = spec.name  # type: ignore[attr-defined]
    (tmp_path / "secret").write_text("https://other.example")
    environ = {name: URL, f"{name}_FILE": str(tmp_path / "secret")}
    assert value(Settings.from_env(environ), field) == URL
    assert value(Settings.from_env({**environ, name: ""}), field) == "https://other.example"


@pytest.mark.parametrize("spec", SECRETS, ids=lambda spec: spec.metadata["env"])
def test_every_secret__says_why_its_file_cannot_be_used(spec: object, tmp_path: Path) -> None:
    name = variable(spec.metadata["env"])  # type: ignore[attr-defined]
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00hush")
    (tmp_path / "closed").write_text("hush")
    (tmp_path / "closed").chmod(0)
    for file, said in {
        "missing": "No such file",
        "empty": "names an empty file",
        "binary": "not UTF-8",
        ".": "Is a directory",
        "closed": "Permission denied",
        "closed/below": "",
        "\0": "",
        "x" * 300: "too long",
    }.items():
        with (
            as_nobody() if "closed" in file else pytest.MonkeyPatch.context(),
            pytest.raises(ConfigError) as caught,
        ):
            Settings.from_env({f"{name}_FILE": str(tmp_path / file)})
        assert caught.value.message.startswith(f"{name}_FILE ")
        assert said in caught.value.message
        assert "hush" not in caught.value.message + str(caught.value.hint)


def test_a_setting_that_is_no_secret__comes_from_no_file(tmp_path: Path) -> None:
    (tmp_path / "level").write_text("DEBUG")
    assert Settings.from_env({"LOG_LEVEL_FILE": str(tmp_path / "level")}).log_level == "INFO"
