"""Credentials at rest: encrypted with the key ring in SOCIALCRON_SECRET_KEY (Fernet: AES-128-CBC and HMAC-SHA256)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from socialcron.errors import ConfigError


def new_key() -> str:
    return Fernet.generate_key().decode()


def fingerprint(key: str) -> str:
    """What a key is called where it may not be shown: eight digits of a hash, which lead nowhere near its 256 bits."""
    return sha256(key.encode()).hexdigest()[:8]


class KeyRing:
    """Encrypts with the first key, decrypts with any. `keys`: comma separated, newest first."""

    def __init__(self, keys: str | None) -> None:
        names = [key.strip() for key in (keys or "").split(",") if key.strip()]
        if not names:
            raise ConfigError(
                "SOCIALCRON_SECRET_KEY is not set, and credentials are never stored without it",
                hint="`socialcron init` makes one and writes it to .env.",
            )
        names = list(dict.fromkeys(names))
        try:
            self._keys = [Fernet(name) for name in names]
        except ValueError as exc:
            raise ConfigError(
                "SOCIALCRON_SECRET_KEY holds something that is no key",
                hint="It takes keys made by `socialcron init`, comma separated, newest first.",
            ) from exc
        self._fernet = MultiFernet(self._keys)
        self.fingerprints = [fingerprint(name) for name in names]

    def encrypt(self, credentials: dict[str, Any]) -> str:
        return self._fernet.encrypt(json.dumps(credentials).encode()).decode()

    def decrypt(self, text: str, *, account_id: int) -> dict[str, Any]:
        """The credentials of an account; otherwise like `open`."""
        hint = "Put the key they were stored with back into the ring, or add the credentials again."
        return self.open(text, f"the credentials of account {account_id}", hint=hint)

    def open(self, text: str, what: str, *, hint: str) -> dict[str, Any]:
        """What `encrypt` was given. Raises ConfigError naming `what` when no key of the ring opens `text`."""
        try:
            opened: dict[str, Any] = json.loads(self._fernet.decrypt(text.encode()))
        except InvalidToken as exc:
            raise ConfigError(f"no key in SOCIALCRON_SECRET_KEY can open {what}", hint=hint) from exc
        return opened

    def position(self, text: str) -> int | None:
        """Which key of the ring opens `text`, counted from 0, the newest; None: none of them does."""
        for position, key in enumerate(self._keys):
            try:
                key.decrypt(text.encode())
            except InvalidToken:
                continue
            return position
        return None

    def rotate(self, text: str) -> str:
        """The same under the newest key. Raises InvalidToken when no key of the ring opens it."""
        return self._fernet.rotate(text.encode()).decode()
