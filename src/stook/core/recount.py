"""A batch counted again from what its items are and where they are, and what of it does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.phase import Counters
from stook.core.states import TERMINAL, State

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ChunkPlaces", "Tally", "counter_differences", "tally_chunk"]

_NAMED: Final = 5
_ONE_MORE: Final = bytes([*range(1, 256), 255])
_COUNTED: Final = ("total", "succeeded", "failed", "cancelled", "expired", "scheduled", "suspended")


class ChunkPlaces(msgspec.Struct):
    """Stored states of a chunk, and the offsets that segments, leases and suspensions name."""

    first: int
    states: bytes
    ready: list[Sequence[int]] = msgspec.field(default_factory=list)
    scheduled: list[Sequence[int]] = msgspec.field(default_factory=list)
    leased: list[Sequence[int]] = msgspec.field(default_factory=list)
    suspended: list[Sequence[int]] = msgspec.field(default_factory=list)


class Tally(msgspec.Struct):
    """Items by index: those `nowhere` would never run again, those in `several` places would run twice, and those
    `ended_but_held` would do so after a retry."""

    counters: Counters = msgspec.field(default_factory=Counters)
    nowhere: list[int] = msgspec.field(default_factory=list)
    several: list[int] = msgspec.field(default_factory=list)
    ended_but_held: list[int] = msgspec.field(default_factory=list)

    def differences(self) -> list[str]:
        """Empty: every execution is in exactly one place."""
        return [
            *_told(self.nowhere, "have not ended, and are in no segment, lease or suspension"),
            *_told(self.several, "are in several places at once"),
            *_told(self.ended_but_held, "have ended, and a segment, lease or suspension still holds them"),
        ]


def tally_chunk(tally: Tally, chunk: ChunkPlaces) -> None:
    size = len(chunk.states)
    named = (chunk.leased, chunk.ready, chunk.scheduled, chunk.suspended)
    places = [_times(one, size) for one in named]
    for alike, count in Counter(zip(chunk.states, *places, strict=True)).items():
        state, leases, waits, due, asleep = alike
        _count(tally.counters, State(state), count, leased=bool(leases), due=bool(due), asleep=bool(asleep))
        wrong = _wrong(tally, State(state), leases, waits + due, asleep)
        if wrong is not None:
            marks = enumerate(zip(chunk.states, *places, strict=True))
            wrong.extend(chunk.first + offset for offset, mark in marks if mark == alike)


def counter_differences(kept: Counters, counted: Counters) -> list[str]:
    """`running` is left out: it is never stored."""
    pairs = [(name, getattr(kept, name), getattr(counted, name)) for name in _COUNTED]
    return [f"{name} is kept as {before}, counted {now}" for name, before, now in pairs if before != now]


def _times(named: Iterable[Sequence[int]], size: int) -> bytes:
    """For each offset, how often it is named."""
    times = bytearray(size)
    for offsets in named:
        if isinstance(offsets, range):
            times[offsets.start : offsets.stop] = times[offsets.start : offsets.stop].translate(_ONE_MORE)
        else:
            for offset in offsets:
                times[offset] += 1
    return bytes(times)


def _count(counters: Counters, state: State, count: int, *, leased: bool, due: bool, asleep: bool) -> None:
    counters.total += count
    if state in TERMINAL:
        setattr(counters, state.name, getattr(counters, state.name) + count)
    elif leased:
        counters.running += count
    elif state is State.suspended and asleep:
        counters.suspended += count
    elif due:
        counters.scheduled += count


def _wrong(tally: Tally, state: State, leases: int, segments: int, suspensions: int) -> list[int] | None:
    """The list such items belong in, if something is wrong with them."""
    if state in TERMINAL:
        return tally.ended_but_held if leases or segments or suspensions else None
    if (suspensions and state is not State.suspended) or (leases and state is State.suspended):
        return tally.several
    places = leases + suspensions
    if state in (State.queued, State.scheduled):
        places += segments
    return None if places == 1 else tally.several if places else tally.nowhere


def _told(indexes: list[int], what: str) -> Iterable[str]:
    if indexes:
        some = ", ".join(map(str, sorted(indexes)[:_NAMED])) + (", …" if len(indexes) > _NAMED else "")
        yield f"{len(indexes)} executions {what}: items {some}"
