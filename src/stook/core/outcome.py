"""What a worker says became of items, as the store takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Failing", "Settling"]


class Failing(msgspec.Struct, kw_only=True, gc=False):
    """One item that did not simply succeed.

    failed: an attempt that ended badly · released: handed back untouched · lost: the process that ran it died, and it
    alone can have killed it · cancelled: stopped because asked to · bisected: a group of several failed, this half
    runs again on its own at no cost.
    """

    offset: int
    kind: Literal["failed", "released", "lost", "cancelled", "bisected"]
    type: str = ""
    message: str = ""
    traceback: str = ""
    fingerprint: str = ""
    code: str = ""
    retryable: bool = True
    retry_after: float | None = None
    singly: bool = False
    duration: int = 0
    half: int = 0


class Settling(msgspec.Struct, gc=False):
    """Some items of one lease: those that succeeded with their results, and the others."""

    token: int
    batch_id: bytes
    offsets: Sequence[int]
    results: list[bytes]
    durations: Sequence[int]
    troubles: Sequence[Failing] = ()
    blobs: Sequence[int] = ()
    """Places in `results` that are references into the blob store."""
