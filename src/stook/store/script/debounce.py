"""Debounced keys: one execution a period, which later calls only change while it was never started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.invocation import Place
from stook.store.statement import Each, Many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.invocation import Key, NewItem
    from stook.store.statement import Row, Script

__all__ = ["Period", "keep_periods", "open_periods", "read_periods"]


class Period(msgspec.Struct, frozen=True):
    """`place` is the execution that it created, which may have been started since."""

    place: Place
    opened_at: int
    due_at: int


def read_periods(project: str, items: Iterable[tuple[str, NewItem]]) -> Script[dict[Key, Period]]:
    """The last one of each key. The caller holds the keys' gates."""
    asked = sorted({(project, task, item.debounce.key) for task, item in items if item.debounce is not None})
    rows: list[Row] = (yield Each("read_debounce", asked)) if asked else []
    return {(task, key): Period((batch_id, index), *times) for task, key, batch_id, index, *times in rows}


def open_periods(project: str, created: Sequence[tuple[str, NewItem, Place]], now: int) -> Script[None]:
    rows = {
        (task, item.debounce.key): (project, task, item.debounce.key, *place, now, now + item.debounce.period)
        for task, item, place in created
        if item.debounce is not None
    }
    if rows:
        yield Many("put_debounce", list(rows.values()))


def keep_periods(project: str, periods: Sequence[tuple[Key, Period]]) -> Script[None]:
    """As they are now."""
    if periods:
        yield Many("put_debounce", [(project, *key, *one.place, one.opened_at, one.due_at) for key, one in periods])
