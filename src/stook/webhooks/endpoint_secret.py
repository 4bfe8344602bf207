"""The signing secret of an endpoint: one text, from which each scheme takes its key.

S = "whsec_" + base64     standard key: what the base64 says     plain key: S itself, as UTF-8
S = anything else         standard key: S itself, as UTF-8       plain key: the same
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final

from stook.core.errors import OptionError

__all__ = ["PREFIX", "check_secret", "library_form", "new_secret", "plain_key", "secret_hint", "standard_key"]

PREFIX: Final = "whsec_"
_NEW_BYTES: Final = 32
_FEWEST_BYTES: Final = 24
_MOST_BYTES: Final = 64
_FEWEST_CHARACTERS: Final = 16
_MOST_CHARACTERS: Final = 256
_SHOWN: Final = 4


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def check_secret(text: str) -> str:
    """`text`, if both schemes can sign with it: `whsec_` and base64 of 24 to 64 bytes, or 16 to 256 printable ASCII
    characters. `OptionError` does not repeat it."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise _wrong("has characters other than printable ASCII without spaces")
    if text.startswith(PREFIX):
        size = len(_decoded(text))
        if not _FEWEST_BYTES <= size <= _MOST_BYTES:
            raise _wrong(f"holds {size} bytes after {PREFIX}, {_FEWEST_BYTES} to {_MOST_BYTES} are allowed")
    elif not _FEWEST_CHARACTERS <= len(text) <= _MOST_CHARACTERS:
        raise _wrong(f"has {len(text)} characters, {_FEWEST_CHARACTERS} to {_MOST_CHARACTERS} are allowed")
    return text


def standard_key(secret: str) -> bytes:
    """Of Standard Webhooks."""
    return _decoded(secret) if secret.startswith(PREFIX) else secret.encode()


def plain_key(secret: str) -> bytes:
    """Of schemes that take the text as it is shown."""
    return secret.encode()


def library_form(secret: str) -> str:
    """What libraries of Standard Webhooks want to be given."""
    return secret if secret.startswith(PREFIX) else PREFIX + base64.b64encode(secret.encode()).decode()


def secret_hint(secret: str) -> str:
    """Enough to tell one secret from another, for everybody to see."""
    begin = PREFIX if secret.startswith(PREFIX) else ""
    return f"{begin}…{secret[-_SHOWN:]}"


def _decoded(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX)
    padding = "=" * (-len(text) % 4)  # libraries take it without
    try:
        return base64.b64decode(text + padding, validate=True)
    except binascii.Error:
        raise _wrong(f"is no base64 after {PREFIX}") from None


def _wrong(what: str) -> OptionError:
    return OptionError(f"the secret {what}", where="secret", hint="leave it out to have one made")
