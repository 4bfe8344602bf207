"""Parents that nobody told of their child's end: a program that knows no parents has settled the child.

wait ── its child ──▶ has ended, and no errand says so ──▶ the errand that should have been there
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.states import TERMINAL, State
from stook.store.script.read.ending import read_endings
from stook.store.statement import All, Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["FIRST", "MissedEnd", "missed_ends", "missed_ends_of", "tell_missed"]

FIRST: Final = (b"", -1)
PATIENCE: Final = 30_000_000
"""Microseconds that a wait is old before it is looked at: most are over by then."""


class MissedEnd(msgspec.Struct, frozen=True):
    """Of which wait, the child, and the number of its outcome."""

    batch_id: bytes
    index: int
    key: str
    child: tuple[bytes, int]
    settle: int


def missed_ends(
    after: tuple[bytes, int] = FIRST, limit: int = 500
) -> Script[tuple[list[MissedEnd], tuple[bytes, int] | None]]:
    """Among the `limit` waits behind the child `after`; and where to go on, None: these were the last. Changes
    nothing. One view of the store: an errand that is under way is never taken for one that is not there."""
    now: int = yield Now()
    rows: list[Row] = yield All("child_waits", (*after, limit))
    missed = yield from _missed([row for row in rows if row[5] <= now - PATIENCE])
    return missed, (rows[-1][3], rows[-1][4]) if len(rows) == limit else None


def missed_ends_of(batch_id: bytes) -> Script[list[MissedEnd]]:
    """Of the batch's own waits, whose row the caller holds."""
    rows: list[Row] = yield All("batch_child_waits", (batch_id,))
    return (yield from _missed(rows))


def tell_missed(missed: Sequence[MissedEnd]) -> Script[None]:
    """Twice is once: who was told waits no more."""
    now: int = yield Now()
    rows = [
        ("child_ended", one.batch_id, one.index, one.key, f"{one.settle}:{one.child[1]}:{one.child[0].hex()}", now)
        for one in missed
    ]
    if rows:
        yield Many("insert_errand", rows)
        yield Notify(("errand",))


def _missed(waits: Sequence[Row]) -> Script[list[MissedEnd]]:
    children = sorted({(row[3], row[4]) for row in waits})
    if not children:
        return []
    rows: list[Row] = yield Each("find_chunk_of", children)
    first_of = {(batch_id, index): first for batch_id, index, first in rows}
    rows = yield Each("read_state", sorted({(child[0], first) for child, first in first_of.items()}))
    states = {(batch_id, first): content for batch_id, first, content in rows}
    ended: dict[bytes, dict[int, list[int]]] = {}
    for child in children:
        first = first_of.get(child)
        content = None if first is None else states.get((child[0], first))
        if first is not None and content is not None and State(content[child[1] - first]) in TERMINAL:
            ended.setdefault(child[0], {}).setdefault(first, []).append(child[1] - first)
    if not ended:
        return []
    settled: dict[tuple[bytes, int], int] = {}
    for batch_id, chunks in ended.items():
        for ending in (yield from read_endings(batch_id, chunks)):
            settled |= {(batch_id, ending.first + offset): ending.settle for offset in ending.offsets}
    rows = yield All("child_errands")
    told = set(rows)
    return [
        MissedEnd(row[0], row[1], row[2], (row[3], row[4]), settled[row[3], row[4]])
        for row in waits
        if (row[3], row[4]) in settled and tuple(row[:3]) not in told
    ]
