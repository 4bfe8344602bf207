"""Daily maintenance: claimed by whoever comes first, and what it removes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.daily import is_due
from stook.store.statement import All, Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["claim_days", "forget_silent"]


def claim_days(queues: Sequence[str], *, forced: bool = False) -> Script[list[str]]:
    """Those of the `queues` whose moment has passed and whose maintenance nobody has begun since: the caller's now. A
    queue that is seen for the first time is due the next day. `forced`: all that nobody else is at just now."""
    now: int = yield Now()
    named = sorted(set(queues))
    rows: list[Row] = yield Each("lock_upkeep", [(queue,) for queue in named])
    due = [queue for queue, done_at in rows if forced or is_due(queue, done_at, now)]
    if due:
        yield Many("update_upkeep", [(queue, now) for queue in due])
    if len(rows) < len(named):  # new, or in somebody else's hands
        there = {row[0] for row in rows}
        yield Many("insert_upkeep", [(queue, now) for queue in named if queue not in there])
    return sorted(due)


def forget_silent(silence: int, limit: int = 1000) -> Script[int]:
    """Removes workers and programs that have given no sign of life for `silence` microseconds and hold nothing."""
    now: int = yield Now()
    workers: list[Row] = yield All("silent_workers", (now - silence, limit))
    programs: list[Row] = yield All("silent_orchestrators", (now - silence, limit))
    if workers:
        yield Many("delete_worker", sorted((row[0],) for row in workers))
    if programs:
        yield Many("delete_orchestrator", sorted((row[0],) for row in programs))
    return len(workers) + len(programs)
