"""What stands for an item that was sent, also for one that was left out since its dedupe key was held."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DIGEST_BYTES", "item_digests"]

DIGEST_BYTES: Final = 16


def item_digests(payloads: Sequence[bytes], keys: Sequence[str] | None, dedupe: Sequence[str | None] | None) -> bytes:
    """`DIGEST_BYTES` for each item, of its payload, the caller's key and its dedupe key."""
    found = []
    for place, payload in enumerate(payloads):
        key = None if keys is None else keys[place]
        mark = None if dedupe is None else dedupe[place]
        one = hashlib.blake2b(b"%d:%b%b" % (len(payload), _word(key), _word(mark)), digest_size=DIGEST_BYTES)
        one.update(payload)
        found.append(one.digest())
    return b"".join(found)


def _word(text: str | None) -> bytes:
    """With its length: two words cannot be told as one."""
    if text is None:
        return b"-"
    raw = text.encode(errors="surrogatepass")
    return b"%d:%b" % (len(raw), raw)
