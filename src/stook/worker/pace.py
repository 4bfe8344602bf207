"""How much work to have ahead: enough that no slot waits for a claim, no more than others could be doing.

About 75 ms of work, or two claims' time where claims are slow; none for handlers that take half a second, whose next
item can be claimed when a slot is free. Pure: moments and durations are given, in nanoseconds.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CLAIM_LIMIT", "Pace"]

CLAIM_LIMIT: Final = 8192
"""Executions: sixteen full chunks. Half of them last while the next claim is under way, however short handlers are."""
HORIZON: Final = 75_000_000
SLOW: Final = 500_000_000
WINDOW: Final = 50_000_000
BYTES_AHEAD: Final = 16 * 2**20
KEEP: Final = 0.7
"""Of an average, when a new measurement comes in."""


class Pace:
    """Never `ahead` for what is not begun twice: what is held is lost with its worker, begun or not."""

    def __init__(self, slots: int, *, ahead: bool = True) -> None:
        self._slots = slots
        self._ahead = ahead
        self._item = 0.0
        """Nanoseconds a handler call takes per item; 0 before the first measurement."""
        self._call = 0.0
        self._rate = 0.0
        """Items per nanosecond, all slots together."""
        self._claim = 0.0
        self._bytes = 0.0
        self._since = 0
        self._finished = 0

    def ran(self, *, items: int, calls: int, total: int, now: int) -> None:
        """`items` in `calls` handler calls came to their ends by `now`, having run `total` nanoseconds."""
        if not items:
            return
        self._item = _average(self._item, total / items)
        self._call = _average(self._call, total / calls)
        self._finished += items
        if now - self._since >= WINDOW:
            if self._since:
                self._rate = _average(self._rate, self._finished / (now - self._since))
            self._since, self._finished = now, 0

    def claimed(self, *, items: int, size: int, took: int) -> None:
        """A claim gave `items` with `size` bytes of payload and took that many nanoseconds."""
        self._claim = _average(self._claim, took)
        if items:
            self._bytes = _average(self._bytes, size / items)

    def rested(self) -> None:
        """There was nothing to do: what comes next is not measured against the time before."""
        self._since = self._finished = 0

    def stalled(self) -> None:
        """Nothing that waits has moved for long: whatever was measured before, calls are slow now."""
        self._call = max(self._call, float(SLOW))

    @property
    def item(self) -> float:
        """Nanoseconds an item runs; 0 while that is not known."""
        return self._item

    def ahead(self) -> int:
        """Items to hold beyond those that free slots take at once."""
        if not self._ahead or not self._item or self._call >= SLOW:
            return 0
        horizon = max(HORIZON, 2 * self._claim)
        # One slot is busy at least; a rate measured while slots were starved is too low, one slot's speed is not.
        rate = min(max(self._rate, 1 / self._item), self._slots / self._item)
        most = min(CLAIM_LIMIT, BYTES_AHEAD / self._bytes if self._bytes else CLAIM_LIMIT)
        return int(min(most, rate * horizon))


def _average(old: float, new: float) -> float:
    return KEEP * old + (1 - KEEP) * new if old else max(new, 1e-9)
