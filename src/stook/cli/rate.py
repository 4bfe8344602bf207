"""How fast executions end, and how long the rest will take."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Rate"]

WINDOW: Final = 10.0
"""Seconds that are looked back."""


class Rate:
    """Fed with what has ended at a moment (seconds, of any clock). A number that went down (a retry) starts anew."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, ended: int) -> None:
        if self._seen and ended < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, ended))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW:  # noqa: PLR2004 - a rate needs two points
            self._seen.popleft()

    @property
    def per_second(self) -> float:
        if len(self._seen) < 2:  # noqa: PLR2004 - as above
            return 0.0
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        return (last - first) / (end - begin) if end > begin else 0.0

    def left(self, missing: int) -> float | None:
        """Seconds until `missing` more have ended; None: nobody knows."""
        speed = self.per_second
        return missing / speed if speed > 0 else None
