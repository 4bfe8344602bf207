"""A clock that stands still until it is moved."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

__all__ = ["FakeClock"]

MICROSECONDS = 1_000_000


class FakeClock:
    """The store's clock in a `Harness`: leases, due times, deadlines, back-off and ramps all go by it. Handlers'
    running time and timeouts go by the real one. It never goes back."""

    def __init__(self, now: datetime | None = None) -> None:
        """`now` is aware; the beginning of 2030 if none is given."""
        start = now or datetime(2030, 1, 1, tzinfo=UTC)
        self._now = round(start.timestamp() * MICROSECONDS)
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Microseconds since the epoch."""
        with self._lock:
            return self._now

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self() / MICROSECONDS, tz=UTC)

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"a clock does not go back ({seconds} s)")
        with self._lock:
            self._now += round(seconds * MICROSECONDS)

    def set(self, when: datetime) -> None:
        """Moves to an aware time that is not before now."""
        self.advance(when.timestamp() - self() / MICROSECONDS)
