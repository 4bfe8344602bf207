"""Secrets at rest: what the database holds of them is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from stook.core.errors import ConfigError, NoEncryptionKey, SecretUnreadable
from stook.webhooks.key_file import KeyFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["FernetSealer", "Sealer", "new_encryption_key", "sealer_for"]


class Sealer(Protocol):
    """From any thread. What `seal` gives differs each time."""

    def seal(self, secret: bytes) -> bytes:
        """`NoEncryptionKey` if there is nothing to seal with."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """`SecretUnreadable` if no key there is opens it."""
        ...


def new_encryption_key() -> str:
    """For `STOOK_ENCRYPTION_KEY`."""
    return Fernet.generate_key().decode()


def sealer_for(keys: str, file: Path | None) -> Sealer:
    """`keys`: comma-separated, the first one seals and every one opens. Without, those of `file`, which is made when
    something is to be sealed; without both there is nothing to seal with. `ConfigError` for what is no key."""
    given = [one.strip() for one in keys.split(",") if one.strip()]
    if given:
        return FernetSealer(given, "STOOK_ENCRYPTION_KEY")
    return _FileSealer(KeyFile(file)) if file is not None else _NoSealer()


class FernetSealer:
    """`source` is where the keys come from, for people."""

    def __init__(self, keys: Sequence[str], source: str) -> None:
        self._source = source
        try:
            self._fernet = MultiFernet([Fernet(one) for one in keys])
        except ValueError:  # whose text may hold the key
            raise ConfigError(
                f"{source} holds something that is no encryption key",
                hint="a key is 32 random bytes in URL-safe base64, 44 characters; several stand with commas between",
            ) from None

    def seal(self, secret: bytes) -> bytes:
        return self._fernet.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise SecretUnreadable(
                f"no key in {self._source} opens this secret", hint="add the key that it was sealed with behind a comma"
            ) from None


class _FileSealer:
    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._known: FernetSealer | None = None

    def seal(self, secret: bytes) -> bytes:
        return self._sealer(make=True).seal(secret)

    def open(self, sealed: bytes) -> bytes:
        return self._sealer(make=False).open(sealed)

    def _sealer(self, *, make: bool) -> FernetSealer:
        if self._known is None:
            keys = self._file.read_or_make(new_encryption_key) if make else self._file.read()
            self._known = FernetSealer(keys, str(self._file))
        return self._known


class _NoSealer:
    def seal(self, secret: bytes) -> bytes:  # noqa: ARG002 - it is not sealed
        raise NoEncryptionKey(
            "secrets are stored encrypted, and this server has no key to do it with",
            hint="set STOOK_ENCRYPTION_KEY to the same value for all servers of the store",
        )

    def open(self, sealed: bytes) -> bytes:  # noqa: ARG002
        raise SecretUnreadable(
            "this server has no key to open secrets with",
            hint="set STOOK_ENCRYPTION_KEY to the value of the server that sealed them",
        )
