"""How long what has ended is kept."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

import msgspec

from stook.core.errors import ConfigError
from stook.core.states import State

__all__ = ["KEEP", "WAITERS", "Retention", "is_past", "purge_at"]

WAITERS: Final = 60_000_000
"""Microseconds that rows outlive their time, so that parents and callers who were already waiting still get them."""
_LONGEST: Final = 253_402_300_800
"""Seconds from 1970 to 9999: what ends now is past that at a time that every database can hold."""


class Retention(msgspec.Struct, frozen=True, omit_defaults=True):
    """Seconds after the end: None keeps for ever, 0 deletes at the end. What was cancelled or has expired follows
    `failed`."""

    completed: float | None = None
    failed: float | None = None

    def __post_init__(self) -> None:
        for name in ("completed", "failed"):
            value = getattr(self, name)
            if isinstance(value, timedelta):
                value = value.total_seconds()
                msgspec.structs.force_setattr(self, name, value)
            if value is not None and not (_is_number(value) and 0 <= value < math.inf):
                raise ConfigError(f"retention: {name}={value!r} is not a number of seconds ≥ 0")
            if value is not None and value > _LONGEST:
                hint = "leave it out: then it is kept for ever"
                raise ConfigError(f"retention: {name} is longer than {_LONGEST} seconds", hint=hint)

    def of(self, state: State) -> float | None:
        """Seconds for which an execution is kept that ended in this state."""
        return self.completed if state is State.succeeded else self.failed


KEEP: Final = Retention()


def is_past(retention: Retention, state: State, finished_at: int, now: int) -> bool:
    """Whether an execution that ended so is to be seen no longer. Times in microseconds."""
    kept = retention.of(state)
    return kept is not None and now >= finished_at + round(kept * 1_000_000)


def purge_at(retention: Retention, *, succeeded: int, others: int, finished_at: int) -> int | None:
    """When the rows of a batch may go that ended at `finished_at` with so many executions: each of them is past its
    time then. None: some are kept for ever."""
    times = [kept for kept, count in ((retention.completed, succeeded), (retention.failed, others)) if count]
    known = [kept for kept in times if kept is not None]
    if len(known) < len(times) or retention == KEEP:
        return None
    return finished_at + round(max(known, default=0.0) * 1_000_000) + WAITERS


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
