"""The clock of a store under test: it stands still until a test moves it."""

from __future__ import annotations

__all__ = ["SECOND", "START", "MovingClock"]

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


class MovingClock:
    """`now` is microseconds since the epoch."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def after(self, seconds: float) -> int:
        return self.now + round(seconds * SECOND)
