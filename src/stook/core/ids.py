"""Ids of batches and executions.

A batch's id is a UUIDv7 whose last 32 bits are zero; an execution's id is its batch's id with the item's index in
those bits. So an execution's id tells its batch and index without a look-up, sorts in input order, and costs no table.

     48 bits milliseconds | version 7 | 12 bits counter | variant | 30 bits random | 32 bits index
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from stook.core.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BatchIds", "batch_of", "execution_id", "index_of", "parse_id"]

MAX_INDEX = 2**32 - 1


class BatchIds:
    """Makes batch ids (16 bytes) that increase strictly within one maker.

    `now_ms` and `draw` (a number of n random bits) are given, so tests repeat themselves.
    """

    def __init__(self, now_ms: Callable[[], int], draw: Callable[[int], int]) -> None:
        self._now_ms = now_ms
        self._draw = draw
        self._last = (0, 0)

    def __call__(self) -> bytes:
        now, last = self._now_ms(), self._last
        self._last = (now, 0) if now > last[0] else (last[0] + (last[1] + 1 >> 12), last[1] + 1 & 0xFFF)
        at, count = self._last
        value = at << 80 | 7 << 76 | count << 64 | 2 << 62 | self._draw(30) << 32
        return value.to_bytes(16, "big")


def execution_id(batch_id: bytes, index: int) -> str:
    return str(uuid.UUID(bytes=batch_id[:12] + index.to_bytes(4, "big")))


def batch_of(raw: bytes) -> bytes:
    return raw[:12] + b"\0\0\0\0"


def index_of(raw: bytes) -> int:
    return int.from_bytes(raw[12:], "big")


def parse_id(text: str) -> bytes:
    """16 bytes of an id written as a UUID. `NotFound` for anything else: an id that cannot exist is not there."""
    try:
        return uuid.UUID(text).bytes
    except (ValueError, AttributeError, TypeError):
        raise NotFound(f"no such id: {text!r}", hint="ids look like 0192f0c1-7b7e-7000-8a2b-3c4d00000000") from None
