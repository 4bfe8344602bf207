"""Whether time has anything to do: a look that writes nothing, so that an idle store stays idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.script.sweep import next_due
from stook.store.statement import Now

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["look_ahead"]


def look_ahead() -> Script[int | None]:
    """Microseconds until a sweep will have something to do, not above 0: now. None: nothing is timed."""
    due_at = yield from next_due()
    now: int = yield Now()
    return None if due_at is None else due_at - now
