"""Which items of a chunk go to the queue together, once it is known what keeps them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.chunk import Placing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.lanes import Laner

__all__ = ["laid_out", "placings_of"]


def placings_of(
    laner: Laner, payloads: Sequence[bytes], placings: Sequence[Placing] | None = None, *, first: int = 0
) -> Sequence[Placing] | None:
    """For `make_chunk` of these payloads, whose first is item `first` of what was given; `placings` are what the caller
    asks for beside it. None: they go together. Errors are those of `Laner`."""
    if laner.idle:
        return placings
    return laid_out(laner.places(payloads, first), placings)


def laid_out(places: Sequence[tuple[str, str | None]], placings: Sequence[Placing] | None) -> list[Placing]:
    """(lane, cost) by offset. Items of a lane keep their order: where their costs change, another placing begins."""
    found: list[Placing] = []
    for one in placings or (Placing(range(len(places))),):
        runs: dict[str, list[list[int]]] = {}
        for offset in one.offsets:
            lane, cost = places[offset]
            of_lane = runs.setdefault(lane, [])
            if of_lane and places[of_lane[-1][-1]][1] == cost:
                of_lane[-1].append(offset)
            else:
                of_lane.append([offset])
        found += [
            Placing(offsets, one.priority, one.run_at, one.expires_at, lane, places[offsets[0]][1])
            for lane, of_lane in runs.items()
            for offsets in of_lane
        ]
    return found
