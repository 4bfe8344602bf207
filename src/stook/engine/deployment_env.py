"""Environments of deployments: checked, and sealed while they rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from stook.core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Seal", "check_env", "open_env", "seal_env"]

MOST_BYTES: Final = 256 * 1024

_decode = msgspec.json.Decoder(dict[str, str]).decode


class Seal(Protocol):
    """From any thread."""

    def seal(self, secret: bytes) -> bytes:
        """`NoEncryptionKey` if there is nothing to seal with."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """`SecretUnreadable` if no key there is opens it."""
        ...


def check_env(env: Mapping[str, str]) -> None:
    """`OptionError` names the variable, never its value."""
    size = 0
    for name, value in env.items():
        if not name or "=" in name or not _storable(name):
            raise OptionError(f"{name[:80]!r} cannot be the name of an environment variable", where="env")
        if not _storable(value):
            raise OptionError(f"the value of {name} holds a NUL or a lone surrogate", where="env")
        size += len(name.encode()) + len(value.encode())
    if size > MOST_BYTES:
        raise OptionError(f"{size} bytes of environment, at most {MOST_BYTES} are allowed", where="env")


def seal_env(env: Mapping[str, str], seal: Seal) -> bytes | None:
    """None: it is empty."""
    return seal.seal(msgspec.json.encode(dict(env))) if env else None


def open_env(sealed: bytes | None, seal: Seal) -> dict[str, str]:
    return {} if sealed is None else _decode(seal.open(sealed))


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
