"""Following a batch: its outcomes in the order they settled, behind a cursor that never meets a gap or a duplicate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from stook.core.payload import split_array
from stook.core.phase import Phase
from stook.core.picks import as_range, unpack, unpack_durations
from stook.core.states import State
from stook.store.script.batch_row import no_such_batch
from stook.store.script.read.limit import check_limit
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Followed", "OutcomeBlock", "follow", "read_blocks"]


class OutcomeBlock(msgspec.Struct, gc=False):
    """Executions of one chunk that ended together: number `settle + n` is the item `first + offsets[n]`.

    `results` are JSON texts, byte for byte, of succeeded ones only; `blobs` are places in it that are references into
    the blob store. `durations` are microseconds, empty for what never ran.
    """

    settle: int
    first: int
    offsets: Sequence[int]
    state: State
    round: int
    attempt: int
    finished_at: int
    durations: Sequence[int]
    results: list[bytes] | None
    blobs: frozenset[int]

    def __len__(self) -> int:
        return len(self.offsets)


class Followed(msgspec.Struct):
    blocks: list[OutcomeBlock]
    after: int
    """The cursor to go on with."""
    done: bool
    """The batch has ended and this was all of it (unless it is retried, which goes on behind the same cursor)."""


def follow(batch_id: bytes, after: int = 0, limit: int = 5000) -> Script[Followed]:
    """Outcomes from settle number `after` on, all that begin within the next `limit` numbers: fewer than `limit` plus
    one chunk. Empty when nothing new has settled."""
    check_limit(limit)
    after = max(after, 0)
    rows: list[Row] = yield All("follow_outcomes", (batch_id, after, after + limit))
    phase, settled = rows[0][:2] if rows else (Phase.deleted.value, 0)
    if phase == Phase.deleted.value:
        raise no_such_batch(batch_id)
    blocks = [_block(row[2:], after) for row in rows if row[2] is not None]
    end = blocks[-1].settle + len(blocks[-1]) if blocks else after
    return Followed(blocks, end, phase == Phase.closed.value and end >= settled)


def read_blocks(batch_id: bytes, after: int, limit: int) -> Script[list[OutcomeBlock]]:
    """The first block is cut where the cursor stands inside it."""
    rows: list[Row] = yield All("read_outcomes", (batch_id, after, after + limit))
    return [_block(row, after) for row in rows]


def _block(row: Row, after: int) -> OutcomeBlock:
    settle, first, lo, hi, picks, state, round_, attempt, finished_at, durations, blobs, results = row
    offsets = as_range(lo, hi, picks)
    spans: Sequence[int] = () if durations is None else unpack_durations(durations)
    items = None if results is None else split_array(results)
    places = frozenset(unpack(blobs) if blobs else ())
    cut = after - settle
    if cut > 0:
        settle, offsets, spans = after, offsets[cut:], spans[cut:]
        items = None if items is None else items[cut:]
        places = frozenset(place - cut for place in places if place >= cut)
    return OutcomeBlock(settle, first, offsets, State(state), round_, attempt, finished_at, spans, items, places)
