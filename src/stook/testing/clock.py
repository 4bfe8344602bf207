"""A clock that stands still until it is moved."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from stook.core.errors import ConfigError
from stook.core.moments import micros_of, seconds_of

__all__ = ["FakeClock"]

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """The store's clock in a `TestApp` or `Harness`: leases, due times, schedules, deadlines, back-off, windows, rates,
    retention and ramps all go by it. Handlers' running time and timeouts go by the real one. It never goes back."""

    def __init__(self, now: datetime | None = None) -> None:
        """`now` is aware; the beginning of 2030 if none is given."""
        self._now = _microseconds(now if now is not None else datetime(2030, 1, 1, tzinfo=UTC))
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Microseconds since the epoch."""
        with self._lock:
            return self._now

    @property
    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self())

    def advance(self, duration: timedelta | float) -> None:
        """Seconds, or a `timedelta`."""
        given: object = duration.total_seconds() if isinstance(duration, timedelta) else duration
        if isinstance(given, int | float) and given < 0:
            raise ConfigError(f"a clock does not go back ({given} s)")
        seconds = seconds_of("duration", duration)
        with self._lock:
            self._now += round(seconds * MICROSECONDS)

    def set(self, when: datetime | float) -> None:
        """Moves to an aware time, or milliseconds since the epoch, that is not before now."""
        there = _microseconds(when) if isinstance(when, datetime) else micros_of("when", when)
        with self._lock:
            if there < self._now:
                raise ConfigError(f"a clock does not go back (to {when})")
            self._now = there


def _microseconds(when: object) -> int:
    if not isinstance(when, datetime) or when.tzinfo is None:
        wrong = "has no time zone" if isinstance(when, datetime) else "is no datetime"
        raise ConfigError(f"{when!r} {wrong}", hint="like datetime(2030, 1, 1, tzinfo=UTC)")
    return (when - _EPOCH) // timedelta(microseconds=1)
