"""Throttled keys: for a while after an accepted invocation nothing more is created under one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import Each, Many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.invocation import Key, NewItem, Place
    from stook.store.statement import Row, Script

__all__ = ["read_throttles", "start_periods"]


def read_throttles(project: str, items: Iterable[tuple[str, NewItem]], now: int) -> Script[dict[Key, Place]]:
    """Periods under way, and what started them. The caller holds the keys' gates."""
    asked = sorted({(project, task, item.throttle.key) for task, item in items if item.throttle is not None})
    rows: list[Row] = (yield Each("read_throttle", asked)) if asked else []
    return {(task, key): (batch_id, index) for task, key, batch_id, index, until_at in rows if until_at > now}


def start_periods(project: str, created: Sequence[tuple[str, NewItem, Place]], now: int) -> Script[None]:
    """Of executions that were created: nothing else starts one."""
    rows = {
        (task, item.throttle.key): (project, task, item.throttle.key, now + item.throttle.period, *place)
        for task, item, place in created
        if item.throttle is not None
    }
    if rows:
        yield Many("put_throttle", list(rows.values()))
