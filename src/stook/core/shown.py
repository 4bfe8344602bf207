"""States as people see them: the stored bytes of a chunk, with what is running and what is due later laid over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["OPEN", "shown"]

OPEN: Final = bytes([State.queued, State.scheduled])
"""Stored bytes of items that wait for a worker; which of the two they are, their segment says."""


def _table(*moves: tuple[State, State]) -> bytes:
    table = bytearray(range(256))
    for before, after in moves:
        table[before] = after
    return bytes(table)


_STORED = _table((State.scheduled, State.queued), (State.cancelling, State.running))
_LATER = _table((State.queued, State.scheduled))
_LEASED = _table(*((before, State.running) for before in (State.queued, State.scheduled, State.suspended)))


def shown(states: bytes, scheduled: Iterable[Sequence[int]], running: Iterable[Sequence[int]]) -> bytes:
    """One byte per item, each a `State` but never `cancelling`. `scheduled` are offsets in scheduled segments,
    `running` those in live leases; what has ended stays so, whoever still names it."""
    result = bytearray(states.translate(_STORED))
    for offsets in scheduled:
        _lay(result, offsets, _LATER)
    for offsets in running:
        _lay(result, offsets, _LEASED)
    return bytes(result)


def _lay(result: bytearray, offsets: Sequence[int], table: bytes) -> None:
    if isinstance(offsets, range):
        result[offsets.start : offsets.stop] = result[offsets.start : offsets.stop].translate(table)
    else:
        for offset in offsets:
            result[offset] = table[result[offset]]
