"""Text that PostgreSQL cannot hold: a platform's odd words and ids must neither end a run nor hide what happened."""

from __future__ import annotations

from typing import Any

import pytest

from socialcron.errors import Rejected, Unavailable
from socialcron.model import Confirmed, Look
from socialcron.platforms.stub import Stub
from tests.conftest import Cli
from tests.world import World

ODD = ["a NUL \x00 in it", "half a smiley \ud83d"]


@pytest.mark.parametrize("words", ODD, ids=["nul", "surrogate"])
def test_odd_words_of_a_refusal__fail_the_post_with_a_reason(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def refuse(self: Any, step: Any, session: Any) -> Confirmed:
        session.visible = "refused"
        raise Rejected(words, http_status=422)

    monkeypatch.setattr(Stub, "send_step", refuse)
    post = world.post(world.account("stub"))

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["failed"]) == (0, 1), ran.stderr
    assert words[:6] in world.row(post)["last_error"]


@pytest.mark.parametrize("words", ODD, ids=["nul", "surrogate"])
def test_odd_words_to_a_look__put_it_off(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def fail(self: Any, step: Any, session: Any) -> Look:
        raise Unavailable(words)

    post = unconfirmed(world, cli)
    monkeypatch.setattr(Stub, "reconcile", fail)

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["unconfirmed"]) == (0, 1), ran.stderr
    row = world.row(post)
    assert (row["status"], row["claim_token"]) == ("unconfirmed", None)
    assert words[:6] in row["last_error"]


ODD_IDS = ["a\x00b", "\ud83d", "".join(map(str, range(50_000)))]


@pytest.mark.parametrize("remote_id", ODD_IDS, ids=["nul", "surrogate", "long"])
def test_odd_id_of_a_post_that_is_out__is_left_to_a_person(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, remote_id: str
) -> None:
    monkeypatch.setattr(Stub, "send_step", lambda *_: Confirmed(remote_id=remote_id))
    post = world.post(world.account("stub"))

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["unconfirmed"]) == (0, 1), ran.stderr
    row = world.row(post)
    assert (row["status"], row["claim_token"], row["reconcile_at"]) == ("unconfirmed", None, None)
    assert "id" in row["last_error"]


@pytest.mark.parametrize("remote_id", ODD_IDS, ids=["nul", "surrogate", "long"])
def test_odd_id_of_a_post_that_was_found__is_left_to_a_person(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, remote_id: str
) -> None:
    post = unconfirmed(world, cli)
    monkeypatch.setattr(Stub, "reconcile", lambda *_: Look(matches=(Confirmed(remote_id=remote_id),)))

    ran = cli("post-due", "--json")

    assert (ran.exit_code, ran.data["unconfirmed"]) == (0, 1), ran.stderr
    row = world.row(post)
    assert (row["status"], row["claim_token"], row["reconcile_at"]) == ("unconfirmed", None, None)


def unconfirmed(world: World, cli: Cli) -> int:
    """A post whose answer was lost."""
    post = world.post(world.account("stub"))
    assert cli("post-due", "--json").data["posted"] == 1
    world.run("UPDATE socialcron.publish_attempts SET phase = 'unknown', remote_id = NULL")
    world.run("UPDATE socialcron.posts SET status = 'unconfirmed', remote_id = NULL, reconcile_at = now()")
    return post
