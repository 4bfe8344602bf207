"""When a delivery that failed is tried again: (schedule, attempt, what the receiver asked for, draw) → seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["JITTER", "LONGEST_ASKED", "SCHEDULE", "check_schedule", "next_wait"]

SCHEDULE: Final[tuple[float, ...]] = (0, 5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Seconds before each attempt: nine of them in about 27.6 hours."""
JITTER: Final = 0.2
LONGEST_ASKED: Final = 3600.0
"""Seconds. A receiver that asks for more (`Retry-After`) is asked again after so long."""
LONGEST: Final = 30 * 86_400.0


def next_wait(schedule: Sequence[float], attempt: int, asked: float | None, draw: float) -> float | None:
    """Seconds after failed attempt number `attempt` (from 1) until the next; None: that was the last. The longer of
    the schedule's wait, give or take a fifth, and what the receiver asked for. `draw` is uniform in [0, 1)."""
    if attempt >= len(schedule):
        return None
    wait = schedule[attempt] * (1 + JITTER * (2 * draw - 1))
    return wait if asked is None else max(wait, asked_wait(asked))


def asked_wait(asked: float) -> float:
    """What is granted of it: nothing of what is no number of seconds."""
    return 0.0 if math.isnan(asked) else min(max(0.0, asked), LONGEST_ASKED)


def check_schedule(schedule: Sequence[float]) -> None:
    """`ConfigError` unless it is one to a hundred waits of at most thirty days."""
    if not 1 <= len(schedule) <= 100:  # noqa: PLR2004
        raise ConfigError(f"a schedule of {len(schedule)} attempts", hint="give 1 to 100 waits, in seconds")
    for wait in schedule:
        if not (math.isfinite(wait) and 0 <= wait <= LONGEST):
            raise ConfigError(f"schedule: {wait!r} is not a number of seconds from 0 to {LONGEST:.0f}")
