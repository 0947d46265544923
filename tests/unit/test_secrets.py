from __future__ import annotations

import pytest

from socialcron.errors import ConfigError
from socialcron.store.secrets import KeyRing, new_key


def test_key_ring__opens_what_it_closed() -> None:
    ring = KeyRing(new_key())

    closed = ring.encrypt({"access_token": "hush"})

    assert "hush" not in closed
    assert ring.decrypt(closed, account_id=3) == {"access_token": "hush"}


def test_key_ring__still_opens_with_an_older_key() -> None:
    old, new = new_key(), new_key()
    closed = KeyRing(old).encrypt({"a": "b"})
    ring = KeyRing(f"{new}, {old}")

    assert ring.decrypt(closed, account_id=3) == {"a": "b"}
    assert KeyRing(new).decrypt(ring.rotate(closed), account_id=3) == {"a": "b"}


def test_key_ring__says_which_key_opens_what_and_never_the_key() -> None:
    old, new, lost = new_key(), new_key(), new_key()
    ring = KeyRing(f"{new},{old},{new}")

    assert [ring.position(KeyRing(key).encrypt({})) for key in (new, old, lost)] == [0, 1, None]
    assert ring.position("no token at all") is None
    assert ring.fingerprints == [KeyRing(new).fingerprints[0], KeyRing(old).fingerprints[0]]
    assert not any(name in old + new for name in ring.fingerprints)


def test_key_ring__names_the_account_it_cannot_open() -> None:
    closed = KeyRing(new_key()).encrypt({"a": "b"})

    with pytest.raises(ConfigError, match="credentials of account 3"):
        KeyRing(new_key()).decrypt(closed, account_id=3)


@pytest.mark.parametrize("keys", [None, "", " , "])
def test_key_ring__is_needed(keys: str | None) -> None:
    with pytest.raises(ConfigError, match="SOCIALCRON_SECRET_KEY is not set"):
        KeyRing(keys)


def test_key_ring__refuses_what_is_no_key_without_showing_it() -> None:
    with pytest.raises(ConfigError) as caught:
        KeyRing("hush-hush")

    assert "hush" not in str(caught.value)
