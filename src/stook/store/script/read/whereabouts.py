"""Where items that have not ended are: in a live lease, or in a segment that waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.picks import as_range
from stook.core.shown import shown
from stook.core.states import TERMINAL
from stook.store.script.segment_row import SegmentStatus, offsets_of
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.store.statement import Row, Script

__all__ = ["HeldBy", "Waits", "Whereabouts", "find_whereabouts"]

_ENDED: Final = bytes(sorted(TERMINAL))


class HeldBy(msgspec.Struct, gc=False):
    """A live lease."""

    offsets: Sequence[int]
    token: int
    worker: str
    round: int
    attempt: int
    claimed_at: int
    expires_at: int


class Waits(msgspec.Struct, gc=False):
    """A segment."""

    offsets: Sequence[int]
    status: SegmentStatus
    priority: int
    round: int
    attempt: int
    losses: int
    due_at: int | None
    ready_at: int | None
    expires_at: int | None

    @property
    def again(self) -> bool:
        """An attempt of them has started before."""
        return self.round > 1 or self.attempt > 1 or self.losses > 0 or self.status is SegmentStatus.suspect


class Whereabouts(msgspec.Struct, gc=False):
    """Of the items of one chunk."""

    leases: list[HeldBy] = msgspec.field(default_factory=list)
    segments: list[Waits] = msgspec.field(default_factory=list)

    def shown(self, states: bytes) -> bytes:
        """As `core.shown`."""
        later = [one.offsets for one in self.segments if one.status is SegmentStatus.scheduled]
        return shown(states, later, [one.offsets for one in self.leases])


def find_whereabouts(
    batch_id: bytes, chunks: Mapping[int, bytes], *, gapless: bool = False
) -> Script[dict[int, Whereabouts]]:
    """For every chunk given (its first → its stored states); nothing is read for those in which all has ended.
    `gapless`: they are all there are between the first and the last, so that one range does for all."""
    found = {first: Whereabouts() for first in chunks}
    live = sorted(first for first, states in chunks.items() if states.strip(_ENDED))
    if not live:
        return found
    spans = [(batch_id, live[0], live[-1])] if gapless else [(batch_id, first, first) for first in live]
    leases: list[Row] = yield Each("read_leases", spans)
    for _, first, lo, hi, picks, *rest in leases:
        found[first].leases.append(HeldBy(as_range(lo, hi, picks), *rest))
    segments: list[Row] = yield Each("read_segments", spans)
    for _, first, pos, stop, picks, status, *rest in segments:
        found[first].segments.append(Waits(offsets_of(pos, stop, picks), SegmentStatus(status), *rest))
    return found
