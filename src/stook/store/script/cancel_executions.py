"""Cancelling executions with a reason that can be read afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.states import TERMINAL, State
from stook.store.script.batch_row import lock_batch, no_such_batch, save_batches
from stook.store.script.cancel_items import cancel_items
from stook.store.script.change import note_changes
from stook.store.statement import Each, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["cancel_executions", "cancel_holder"]

_DONE = frozenset({*TERMINAL, State.cancelling})


def cancel_holder(project: str, task: str, key: str, *, reason: str, children: bool = True) -> Script[bool]:
    """Of a dedupe key. False: nobody unfinished holds it, or it is being cancelled already."""
    asked: set[tuple[bytes, int]] = set()
    while True:
        rows: list[Row] = yield Each("look_dedupe", [(project, task, key)])
        holders = {(row[2], row[3]) for row in rows if row[4] is None}
        if holders <= asked:
            return False
        asked |= holders  # whoever holds it next, if this one ends meanwhile
        for batch_id, index in holders:
            if (yield from cancel_executions(batch_id, [index], reason=reason, children=children)):
                return True


def cancel_executions(
    batch_id: bytes, indexes: Sequence[int], *, reason: str, children: bool = True, project: str | None = None
) -> Script[list[int]]:
    """As `cancel_items`; returns those that end cancelled because of this call: what had ended, and what was being
    cancelled already, is left as it is. `NotFound` if there is no such batch (in the `project`)."""
    batch = yield from lock_batch(batch_id)
    if project not in (None, batch.project):
        raise no_such_batch(batch_id)
    now: int = yield Now()
    there = sorted({index for index in indexes if 0 <= index < batch.total})
    found: list[Row] = yield Each("find_chunk", [(batch.id, index) for index in there])
    first_of = {index: first for index, first, _ in found}
    rows: list[Row] = yield Each("read_state", [(batch.id, first) for first in sorted(set(first_of.values()))])
    states = {first: content for _, first, content in rows}
    live = [index for index in there if states[first_of[index]][index - first_of[index]] not in _DONE]
    if live:
        yield from note_changes(batch, [(index, "cancel", None, 0, reason) for index in live], None, now)
        yield from save_batches([batch])
        yield from cancel_items(batch_id, live, children=children)
    return live
