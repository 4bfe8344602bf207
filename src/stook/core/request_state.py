"""What a request is told that brings an idempotency key again: a pure rule over what is known of the key."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

__all__ = ["ALIVE", "KEPT", "Busy", "KnownRequest", "Mismatch", "Resumed", "Stored", "answer_again"]

KEPT: Final = 24 * 3600 * 1_000_000
"""Microseconds for which an answer is kept."""
ALIVE: Final = 15_000_000
"""Microseconds after its last sign of life for which an unfinished request is believed to go on."""


class Stored(msgspec.Struct, frozen=True):
    """The answer it was given."""

    status: int
    body: bytes


class Mismatch(msgspec.Struct, frozen=True):
    """The key stands for another request: what is different."""

    field: Literal["method", "path", "body"]


class Busy(msgspec.Struct, frozen=True):
    """The first request under the key has no answer yet. `retry_after` in seconds."""

    retry_after: float


class Resumed(msgspec.Struct, frozen=True):
    """What it asks for was done, but not answered: whoever brings it again gets the answer to that."""


class KnownRequest(msgspec.Struct, frozen=True):
    method: str
    path: str
    digest: str
    status: int | None
    body: bytes | None
    owner: int
    begun_at: int
    alive_until: int
    done: bool = False


def answer_again(
    known: KnownRequest, method: str, path: str, digest: str, now: int
) -> Stored | Mismatch | Busy | Resumed | None:
    """None: the key is free again. A day has passed, or whoever began died before anything was done."""
    if now - known.begun_at >= KEPT or (known.status is None and not known.done and now >= known.alive_until):
        return None
    if known.method != method:
        return Mismatch("method")
    if known.path != path:
        return Mismatch("path")
    if known.digest != digest:
        return Mismatch("body")
    if known.status is None:
        return Resumed() if known.done else Busy(1.0)
    return Stored(known.status, known.body or b"")
