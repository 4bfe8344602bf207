"""When something of some tasks may run again that does not run now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import Each, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["next_run"]


def next_run(tasks: Sequence[str]) -> Script[int | None]:
    """Microseconds until something scheduled is due, a suspended execution's wait is over, or a lease of a worker runs
    out; not above 0: now. None: nothing of these tasks has a time. Schedules do not count: they never end."""
    rows: list[Row] = yield Each("next_run", [(task,) for task in sorted(set(tasks))])
    now: int = yield Now()
    times = [at for row in rows for at in row[1:] if at is not None]
    return min(times) - now if times else None
