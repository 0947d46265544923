from __future__ import annotations

import pytest

from socialcron.platforms import registry
from tests.conftest import Cli


@pytest.mark.parametrize("name", registry.names())
def test_platforms_show__prints_the_declaration_with_its_sources(bare_cli: Cli, name: str) -> None:
    declaration = registry.declaration(name)

    data = bare_cli("platforms", "show", name, "--json").data
    shown = bare_cli("platforms", "show", name)

    assert (data["name"], data["reconcile"]) == (name, declaration.reconcile)
    assert data["features"] == sorted(declaration.features)
    assert [limit["name"] for limit in data["limits"]] == [limit.name for limit in declaration.limits]
    assert all(limit["source"].startswith("https://") and limit["date"] for limit in data["limits"])
    assert all(rule["source"].startswith("https://") and rule["date"] for rule in data["media"])
    assert data["options"] == declaration.options
    assert [form["name"] for form in data["credentials"]] == [form.name for form in declaration.credentials]
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert declaration.title in shown.stdout


def test_platforms_show__offers_to_resize_images_where_they_go_out_as_bytes(bare_cli: Cli) -> None:
    assert "resize_images" in bare_cli("platforms", "show", "x", "--json").data["settings"]
    assert "resize_images" not in bare_cli("platforms", "show", "stub", "--json").data["settings"]


def test_platforms_show__says_what_can_be_read_of_a_post(bare_cli: Cli) -> None:
    metrics = bare_cli("platforms", "show", "mastodon", "--json").data["metrics"]
    assert (metrics["batch_size"], metrics["counts"]) == (20, ["likes", "comments", "shares"])
    assert metrics["source"].startswith("https://")
    assert "likes, comments, shares; 20 posts at once" in bare_cli("platforms", "show", "mastodon").stdout
    assert bare_cli("platforms", "show", "telegram", "--json").data["metrics"] is None
    assert "none: the platform tells no numbers" in bare_cli("platforms", "show", "telegram").stdout


def test_platforms_show__says_how_accounts_are_connected_and_what_they_are_asked_for(bare_cli: Cli) -> None:
    authorization = bare_cli("platforms", "show", "tiktok", "--json").data["authorization"]
    assert authorization["app"] == ["TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"]
    assert "video.publish" in authorization["scopes"]
    shown = " ".join(bare_cli("platforms", "show", "mastodon").stdout.split())
    assert "`accounts connect`, which asks for read:accounts, read:statuses" in shown
    assert bare_cli("platforms", "show", "bluesky", "--json").data["authorization"] is None


def test_platforms_list__names_them_all_without_any_database(bare_cli: Cli) -> None:
    ran = bare_cli("platforms", "list", "--json")
    assert [platform["name"] for platform in ran.data["platforms"]] == list(registry.names())
    assert "mastodon" in bare_cli("platforms", "list").stdout


def test_platforms_show__names_the_known_ones_for_an_unknown_one(bare_cli: Cli) -> None:
    ran = bare_cli("platforms", "show", "myspace", "--json")
    assert ran.exit_code == 2
    assert "mastodon" in ran.error["hint"]
