"""Keys that users choose, as they stand in an index."""

from __future__ import annotations

import hashlib
from typing import Final

from stook.core.errors import OptionError

__all__ = ["MAX_CHARACTERS", "stored_key"]

MAX_CHARACTERS: Final = 512
_BYTES: Final = 512
"""So many go into an index with the names of project and task."""
_KEPT: Final = 64


def stored_key(name: str, key: object, *, empty: bool = False) -> str:
    """The key itself, or of one that is too long for an index its beginning and a digest. `OptionError` unless it is
    text of 1 (or, if it may be `empty`, 0) to 512 characters that both databases can hold."""
    if not isinstance(key, str):
        raise OptionError(f"{name}={key!r} is not text")
    if not key and not empty:
        raise OptionError(f"{name} is empty", hint="leave it out for none")
    if len(key) > MAX_CHARACTERS:
        raise OptionError(
            f"{name} has {len(key)} characters, at most {MAX_CHARACTERS} are allowed", hint="use a hash of it"
        )
    try:
        raw = key.encode()
    except UnicodeEncodeError:
        raw = b"\0"
    if b"\0" in raw:
        raise OptionError(f"{name}={key!r} holds a character that no database keeps (NUL or a lone surrogate)")
    if len(raw) <= _BYTES:
        return key
    return f"{key[:_KEPT]}…#{hashlib.blake2b(raw, digest_size=32).hexdigest()}"
