"""A histogram that takes many observations at once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HANDLERS", "LATENCIES", "SIZES", "Distribution"]

LATENCIES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: of what stook does."""
HANDLERS: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Seconds: of what handlers do."""
SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0)
"""Members of groups."""
_MICRO: Final = 1_000_000


class Distribution:
    """`bounds` in seconds, observations in microseconds."""

    __slots__ = ("_bounds", "_counts", "_most", "_seconds", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._seconds = bounds
        self._bounds = [round(bound * _MICRO) for bound in bounds]
        self._counts = [0] * (len(bounds) + 1)
        self._most = self._bounds[0]
        self._total = 0

    def add(self, microseconds: int, times: int = 1) -> None:
        self._counts[bisect_left(self._bounds, microseconds)] += times
        self._total += microseconds * times

    def add_many(self, microseconds: Sequence[int]) -> None:
        """Handlers that do next to nothing all fall below the first bound, which is seen in one look."""
        if not microseconds:
            return
        counts = self._counts
        self._total += sum(microseconds)
        if max(microseconds) <= self._most:
            counts[0] += len(microseconds)
            return
        ordered = sorted(microseconds)
        before = 0
        for place, bound in enumerate(self._bounds):
            upto = bisect_right(ordered, bound, before)
            counts[place] += upto - before
            before = upto
        counts[-1] += len(ordered) - before

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus has them: (upper bound, observations up to it)."""
        made, upto = [], 0
        for bound, count in zip((*map(str, self._seconds), "+Inf"), self._counts, strict=True):
            upto += count
            made.append((bound, float(upto)))
        return made

    @property
    def total(self) -> float:
        """Seconds."""
        return self._total / _MICRO
