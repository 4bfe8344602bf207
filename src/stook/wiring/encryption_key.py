"""A new key to encrypt secrets of webhooks with."""

from __future__ import annotations

from stook.core.errors import MissingExtra

__all__ = ["new_encryption_key"]


def new_encryption_key() -> str:
    """For `STOOK_ENCRYPTION_KEY`."""
    try:
        from stook.webhooks import sealer  # noqa: PLC0415 - its library is an extra
    except ModuleNotFoundError as error:
        if error.name != "cryptography":
            raise
        raise MissingExtra("encryption needs cryptography", hint="pip install 'stook[server]'") from None
    return sealer.new_encryption_key()
