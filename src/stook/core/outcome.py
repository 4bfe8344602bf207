"""What a worker says became of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from stook.core.log import LogPart
from stook.core.memo import Memo
from stook.core.wait import Wait

__all__ = ["Settlement", "Trouble"]


class Trouble(msgspec.Struct, gc=False):
    """One item that did not simply succeed.

    `kind`: failed (raised, timed out, bad result) · released (handed back untouched) · lost (the process running it
    died) · cancelled (stopped because asked to). `own_group`: bisected half, runs again as a closed group and costs
    no attempt. suspended: waits for all of `waits`, then runs on with the same attempt; `memos` are written with it.
    """

    offset: int
    kind: Literal["failed", "released", "lost", "cancelled", "bisected", "suspended"]
    type: str = ""
    message: str = ""
    traceback: str = ""
    fingerprint: str = ""
    code: str = ""
    retryable: bool = True
    retry_after: float | None = None
    """Seconds; replaces the back-off."""
    singly: bool = False
    """When it runs again, it runs alone (batched tasks)."""
    duration: int = 0
    """Microseconds."""
    halves: int = 0
    """`bisected` only: items of one slice with the same number run again together, closed to others."""
    waits: tuple[Wait, ...] = ()
    memos: tuple[Memo, ...] = ()
    """What it did since it last remembered; kept whatever became of it."""
    forget: tuple[str, ...] = ()
    """Keys it remembers and shall not any more: an uncaught timeout of a child makes room for another one."""


class Settlement(msgspec.Struct, gc=False):
    """What became of some items of one slice; a slice may be settled in several parts, each item once.

    `offsets` succeeded with `results` (JSON, same order) and took `durations` (microseconds); `troubles` are the rest.
    """

    token: int
    batch_id: bytes
    offsets: Sequence[int]
    results: list[bytes]
    durations: Sequence[int]
    troubles: Sequence[Trouble] = ()
    blobs: Sequence[int] = ()
    """Places in `results` that are references into the blob store; set on the way to the store."""
    logs: Sequence[LogPart] = ()
    """What its items said that was not stored while they ran."""
