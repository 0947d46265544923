"""Credentials at rest: encrypted with the key ring in SOCIALCRON_SECRET_KEY (Fernet: AES-128-CBC and HMAC-SHA256)."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from socialcron.errors import ConfigError


def new_key() -> str:
    return Fernet.generate_key().decode()


class KeyRing:
    """Encrypts with the first key, decrypts with any. `keys`: comma separated, newest first."""

    def __init__(self, keys: str | None) -> None:
        names = [key.strip() for key in (keys or "").split(",") if key.strip()]
        if not names:
            raise ConfigError(
                "SOCIALCRON_SECRET_KEY is not set, and credentials are never stored without it",
                hint="`socialcron init` makes one and writes it to .env.",
            )
        try:
            self._fernet = MultiFernet([Fernet(name) for name in names])
        except ValueError as exc:
            raise ConfigError(
                "SOCIALCRON_SECRET_KEY holds something that is no key",
                hint="It takes keys made by `socialcron init`, comma separated, newest first.",
            ) from exc

    def encrypt(self, credentials: dict[str, Any]) -> str:
        return self._fernet.encrypt(json.dumps(credentials).encode()).decode()

    def decrypt(self, text: str, *, account_id: int) -> dict[str, Any]:
        """Raises ConfigError naming the account when no key of the ring opens `text`."""
        try:
            opened: dict[str, Any] = json.loads(self._fernet.decrypt(text.encode()))
        except InvalidToken as exc:
            raise ConfigError(
                f"no key in SOCIALCRON_SECRET_KEY can open the credentials of account {account_id}",
                hint="Put the key they were stored with back into the ring, or add the credentials again.",
            ) from exc
        return opened

    def rotate(self, text: str, *, account_id: int) -> str:
        """The same credentials under the newest key."""
        return self.encrypt(self.decrypt(text, account_id=account_id))
