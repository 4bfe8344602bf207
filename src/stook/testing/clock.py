"""A clock that stands still until it is moved."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """The store's clock in a `Harness`: leases, due times, deadlines, back-off and ramps all go by it. Handlers'
    running time and timeouts go by the real one. It never goes back."""

    def __init__(self, now: datetime | None = None) -> None:
        """`now` is aware; the beginning of 2030 if none is given."""
        self._now = _microseconds(now or datetime(2030, 1, 1, tzinfo=UTC))
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Microseconds since the epoch."""
        with self._lock:
            return self._now

    @property
    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self())

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"a clock does not go back ({seconds} s)")
        with self._lock:
            self._now += round(seconds * MICROSECONDS)

    def set(self, when: datetime) -> None:
        """Moves to an aware time that is not before now."""
        there = _microseconds(when)
        with self._lock:
            if there < self._now:
                raise ValueError(f"a clock does not go back (to {when})")
            self._now = there


def _microseconds(when: datetime) -> int:
    if when.tzinfo is None:
        raise ValueError(f"{when!r} has no time zone (like datetime(2030, 1, 1, tzinfo=UTC))")
    return (when - _EPOCH) // timedelta(microseconds=1)
