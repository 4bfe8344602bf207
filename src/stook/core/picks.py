"""Sets of offsets within a chunk, as the store keeps them: a range, or little-endian unsigned shorts in order."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_range", "pack", "pack_durations", "remaining", "unpack", "unpack_durations"]

_SWAP = sys.byteorder == "big"


def pack(offsets: Sequence[int]) -> bytes:
    return _little(array("H", offsets))


def unpack(raw: bytes) -> Sequence[int]:
    return _from_little("H", raw)


def pack_durations(durations: Sequence[int]) -> bytes:
    """Microseconds; more than 71 minutes is kept as 71 minutes and 34 seconds."""
    try:
        return _little(array("I", durations))
    except OverflowError:
        return _little(array("I", [min(max(one, 0), 2**32 - 1) for one in durations]))


def unpack_durations(raw: bytes) -> Sequence[int]:
    return _from_little("I", raw)


def _little(values: array[int]) -> bytes:
    if _SWAP:
        values.byteswap()
    return values.tobytes()


def _from_little(kind: str, raw: bytes) -> array[int]:
    values = array(kind, raw)
    if _SWAP:
        values.byteswap()
    return values


def as_range(lo: int, hi: int, picks: bytes | None) -> Sequence[int]:
    """The offsets of a stored set: all from `lo` to `hi`, or those listed."""
    return range(lo, hi) if picks is None else unpack(picks)


def remaining(open_offsets: Sequence[int], gone: set[int]) -> list[int]:
    return [one for one in open_offsets if one not in gone]
