"""Whether maintenance has anything to do: a look that writes nothing, so that an idle store stays idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.script.sweep import next_due
from stook.store.statement import All, Now

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Upkeep", "look_ahead"]


class Upkeep(msgspec.Struct):
    due_in: int | None
    """Microseconds until a sweep will have something to do, not above 0: now. None: nothing is timed."""
    purge: bool
    """Deleted batches have left rows."""


def look_ahead() -> Script[Upkeep]:
    due_at = yield from next_due()
    deleted: list[Row] = yield All("deleted_batch")
    now: int = yield Now()
    return Upkeep(None if due_at is None else due_at - now, bool(deleted))
