"""When a verb that failed is run again, or opening, and how long before: pure arithmetic."""

from __future__ import annotations

from typing import Final, assert_never

from stook.store.postgres.errors import Cause

__all__ = ["Patience"]

OUTAGE_SECONDS: Final = 30.0
_FIRST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 60.0
_MOST: Final = {Cause.clash: 10, Cause.taken: 3, Cause.text: 1}


class Patience:
    """Of one caller. A lost server is asked again after 0.1, 0.2, 0.4… s, ± half, for 30 s in all."""

    def __init__(self, outage: float = OUTAGE_SECONDS) -> None:
        self._outage = outage
        self._times = dict.fromkeys(Cause, 0)
        self._waited = 0.0

    def delay(self, cause: Cause, draw: float) -> float | None:
        """Seconds until the next try; None: give up. `draw` is uniform in [0, 1)."""
        before = self._times[cause]
        self._times[cause] = before + 1
        match cause:
            case Cause.lost:
                return self._after_outage(before, draw)
            case Cause.clash:
                return None if before >= _MOST[cause] else 0.02 * draw * (before + 1)
            case Cause.taken | Cause.text:
                return None if before >= _MOST[cause] else 0.0
            case _:
                assert_never(cause)

    def spend(self, seconds: float) -> None:
        """A try itself took so long before it failed: that was waiting too."""
        self._waited += seconds

    def _after_outage(self, before: int, draw: float) -> float | None:
        left = self._outage - self._waited
        if left < _FIRST_SECONDS / 1000:
            return None
        delay = min(left, min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(before, 30)) * (0.5 + draw))
        self._waited += delay
        return delay
