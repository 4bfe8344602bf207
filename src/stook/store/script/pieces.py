"""What a claim takes of segments, cut into calls of the handler where those are counted, or where their bytes are.

    shares ─▶ flows ─▶ groups: `size` members │ `max_bytes` of payload, a larger one alone │ why the last one closed

What does not close a group by then stays in its segments. Of other tasks nothing is read, and nothing cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

from stook.core.chunk import MAX_BYTES, starts_of
from stook.store.script.batch_row import decode_policy
from stook.store.script.group import Waiting, closes_at
from stook.store.script.segment_row import offsets_of
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stook.core.policy import BatchConfig
    from stook.core.terms_room import TermsRoom
    from stook.store.script.gates import Flow
    from stook.store.script.group import Closed
    from stook.store.statement import Row, Script

__all__ = ["Cut", "Piece", "pieces_of", "sizes_that_matter", "whole"]

_ITEM: Final = 64 * 1024
"""Bytes of an item that is no reference, at most, unless the setting `inline_bytes` says otherwise."""


class _Segment(Waiting, Protocol):
    @property
    def batch_id(self) -> bytes: ...
    @property
    def first(self) -> int: ...
    @property
    def picks(self) -> bytes | None: ...


S = TypeVar("S", bound=_Segment)
Sizes = dict[tuple[bytes, int], "Sequence[int]"]
"""By (batch, first) of a chunk: where its items begin."""


class Piece(NamedTuple, Generic[S]):
    segment: S
    at: int
    """Where in the segment it begins."""
    take: int
    group: int = 0
    """As `lease.grp`."""


@dataclass
class Cut(Generic[S]):
    pieces: list[Piece[S]] = field(default_factory=list)
    why: dict[int, str] = field(default_factory=dict)
    """By group: what closed it."""
    wait_until: int | None = None
    """When a group closes by its timeout that was left in the queue."""


def whole(segment: S, count: int) -> Piece[S]:
    return Piece(segment, segment.pos, count)


def sizes_that_matter(closed: Closed, segments: Mapping[int, S]) -> Script[Sizes]:
    """Of the chunks of flows whose groups may have more bytes than they are to have."""
    taken: dict[Flow, list[tuple[S, int]]] = {}
    for share in closed.shares:
        one = segments[share.head.id]
        if not one.closed and decode_policy(one.policy).batch is not None:
            taken.setdefault(_flow(one), []).append((one, share.take))
    doubtful = []
    for flow, found in taken.items():
        config = decode_policy(found[0][0].policy).batch
        assert config is not None
        some = flow in closed.forced or sum(count for _, count in found) >= config.size
        if some and sum(min(MAX_BYTES, count * _ITEM) for _, count in found) > config.max_bytes:
            doubtful.append((found, config.max_bytes))
    if not doubtful:
        return {}
    wanted = {(one.batch_id, one.first) for found, _ in doubtful for one, _ in found}
    rows: list[Row] = yield Each("read_starts", sorted(wanted))
    starts = {(row[0], row[1]): starts_of(row[2]) for row in rows}
    matter = [
        [(one.batch_id, one.first) for one, _ in found]
        for found, most in doubtful
        if sum(sum(_sizes(one, one.pos, count, starts)) for one, count in found) > most
    ]
    return {chunk: starts[chunk] for chunks in matter for chunk in chunks}


def pieces_of(
    closed: Closed,
    segments: Mapping[int, S],
    rooms: Mapping[tuple[str, str], TermsRoom],
    numbers: Callable[[], int],
    sizes: Sizes,
    now: int,
) -> Cut[S]:
    """In order; what is batched, one task, project and lane after the other. Where groups are counted no more are given
    than there is room for: what is left of the shares stays in its segments."""
    taken = [(segments[one.head.id], one.take) for one in closed.shares]
    place = {flow: number for number, flow in enumerate(dict.fromkeys(_flow(one) for one, _ in taken))}
    if len(place) > 1:
        taken.sort(key=lambda one: place[_flow(one[0])])
    if not sizes and not any(room.count_groups for room in rooms.values()):
        return Cut([whole(one, count) for one, count in taken])
    cutter = _Cutter[S](rooms, numbers, sizes, closed.forced, now)
    for one, count in taken:
        cutter.cut(one, count)
    cutter.end_flow()
    return cutter.done


class _Cutter(Generic[S]):
    def __init__(
        self,
        rooms: Mapping[tuple[str, str], TermsRoom],
        numbers: Callable[[], int],
        sizes: Sizes,
        forced: Mapping[Flow, str],
        now: int,
    ) -> None:
        self.done: Cut[S] = Cut()
        self._rooms = rooms
        self._numbers = numbers
        self._sizes = sizes
        self._forced = forced
        self._now = now
        self._flow: Flow | None = None
        self._group = 0
        self._free = 0
        """How many may still join the group under way."""
        self._bytes = 0
        """How many of its bytes are left."""
        self._capped = False
        """Bytes of the flow matter."""

    def cut(self, one: S, count: int) -> None:
        room = self._rooms.get((one.project, one.task))
        config = decode_policy(one.policy).batch
        counted = room if room is not None and room.count_groups else None
        capped = not one.closed and (one.batch_id, one.first) in self._sizes
        if config is None or (counted is None and not capped):
            self.end_flow()
            self.done.pieces.append(whole(one, count))
            return
        if self._flow != _flow(one) or one.closed:
            self.end_flow()
            self._flow = _flow(one)
        self._capped = self._capped or capped
        at, left = one.pos, count
        while left:
            if not self._free and not self._begin(one, config, counted, left):
                return
            some = min(left, self._free)
            fits = self._fitting(one, at, some, config) if capped else some
            if fits:
                self.done.pieces.append(Piece(one, at, fits, self._group))
                at, left, self._free = at + fits, left - fits, self._free - fits
            if fits < some:
                self.done.why[self._group] = "bytes"
                self._free = 0
        if one.closed:
            self._free = 0

    def end_flow(self) -> None:
        """A group that nothing has closed stays where it is, unless its time has come."""
        flow, free, capped = self._flow, self._free, self._capped
        self._flow, self._free, self._capped = None, 0, False
        if flow is None or not free:
            return
        if flow in self._forced:
            self.done.why[self._group] = self._forced[flow]
        elif capped:
            last = [one for one in self.done.pieces if one.group == self._group]
            closes = min(closes_at(one.segment) for one in last)
            if closes <= self._now:
                self.done.why[self._group] = "timeout"
            else:
                self.done.pieces = [one for one in self.done.pieces if one.group != self._group]
                waits = self.done.wait_until
                self.done.wait_until = closes if waits is None else min(waits, closes)

    def _begin(self, one: S, config: BatchConfig, counted: TermsRoom | None, left: int) -> bool:
        if counted is not None:
            if not counted.has_group(one.lane):
                return False
            counted.take_group(one.lane)
        self._group, self._bytes = self._numbers(), config.max_bytes
        self._free = left if one.closed else config.size
        return True

    def _fitting(self, one: S, at: int, count: int, config: BatchConfig) -> int:
        """How many fit; one that is larger than a group may be goes alone."""
        for place, size in enumerate(_sizes(one, at, count, self._sizes)):
            if size > self._bytes and (place or self._bytes < config.max_bytes):
                return place
            self._bytes -= size
        return count


def _sizes(one: _Segment, at: int, count: int, starts: Sizes) -> Iterator[int]:
    """Bytes of its items."""
    found = starts[one.batch_id, one.first]
    for offset in offsets_of(at, at + count, one.picks):
        yield found[offset + 1] - 1 - found[offset]


def _flow(one: _Segment) -> Flow:
    return one.task, one.project, one.lane
