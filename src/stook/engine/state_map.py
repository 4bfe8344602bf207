"""The grid of a batch, and what has changed in it since somebody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import OptionError
from stook.store.script.read.settled import settled_items
from stook.store.script.read.state_map import state_map

if TYPE_CHECKING:
    from stook.store.port import Store
    from stook.store.script.read.batch_view import BatchView

__all__ = ["Changes", "map_cursor", "read_changes", "read_map"]

MOST_CHANGES: Final = 20_000
"""Where more has ended, the whole map is the shorter answer."""
_CHUNKS: Final = 500


class Changes(msgspec.Struct):
    settled: int
    states: dict[int, int]
    """By index, the last that happened to it."""


def map_cursor(view: BatchView) -> str:
    """Where a look at the map stands. Retries take ended executions back, which no outcome tells: the round and the
    number of those ended are part of it."""
    return f"{view.settled}-{view.settled - view.counters.terminal}"


async def read_map(store: Store, batch_id: bytes, start: int, stop: int) -> bytes:
    """One `State` byte for each item from `start` on, up to `stop` or the end of the batch."""
    pieces: list[bytes] = []
    at = start
    while at < stop:
        chunks = await store.read(state_map, batch_id, at, _CHUNKS)
        if not chunks:
            break
        for first, states in chunks:
            pieces.append(states[max(0, at - first) : max(0, stop - first)])
        at = chunks[-1][0] + len(chunks[-1][1])
    return b"".join(pieces)


async def read_changes(store: Store, view: BatchView, cursor: str) -> Changes | None:
    """What has ended since `cursor`; None where only the whole map says what changed."""
    since, _, reopened = cursor.partition("-")
    if not (since.isascii() and since.isdigit() and reopened.isascii() and reopened.isdigit() and len(cursor) < 40):  # noqa: PLR2004
        raise OptionError(f"since={cursor!r} is no cursor", hint="it is the header Stook-Cursor of an earlier answer")
    at = int(since)
    if view.settled - view.counters.terminal != int(reopened) or not 0 <= view.settled - at <= MOST_CHANGES:
        return None
    states: dict[int, int] = {}
    while at < view.settled:
        page = await store.read(settled_items, view.id, at)
        if not page.items:
            break
        for one in page.items:
            if one.settle < view.settled:
                states[one.index] = int(one.state)
        at = page.after
    return Changes(view.settled, states)
