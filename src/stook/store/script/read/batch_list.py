"""Pages of a project's batches, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.phase import Phase
from stook.core.states import BatchState
from stook.store.script.batch_row import BatchRow
from stook.store.script.read.batch_view import BatchView, show_batch, views_of
from stook.store.script.read.limit import check_limit
from stook.store.script.read.storable import storable
from stook.store.statement import All

if TYPE_CHECKING:
    from collections.abc import Collection

    from stook.store.statement import Row, Script

__all__ = ["NEWEST", "BatchPage", "keyed_page", "list_batches"]

_BITE: Final = 200
NEWEST: Final = b"\xff" * 16
"""Behind every id: where the first page begins."""


class BatchPage(msgspec.Struct):
    batches: list[BatchView]
    after: bytes | None
    """Where the next page begins; None: this was the last."""


def list_batches(
    project: str,
    *,
    states: Collection[BatchState] = (),
    task: str | None = None,
    name: str | None = None,
    named: str | None = None,
    after: bytes | None = None,
    limit: int = 50,
) -> Script[BatchPage]:
    """In one of `states` (none given: any), of `task`, with `name` somewhere in their names whatever its case, or
    `named` just so. Single submissions are not shown."""
    check_limit(limit)
    if not all(storable(text) for text in (task, named) if text is not None):
        return BatchPage([], None)
    wanted = "".join(f",{mark}" for mark in sorted({_stored(state) for state in states})) + "," if states else None
    part = None if name is None else name.casefold()
    filtered = bool(states) or part is not None or (named is not None and task is not None)
    found: list[BatchView] = []
    at, bite = after or NEWEST, _BITE if filtered else limit + 1
    while len(found) <= limit:
        rows: list[Row]
        if named is None:
            rows = yield All("list_batches", (project, at, task, wanted, bite))
        else:
            rows = yield All("list_named_batches", (project, named, at, bite))
        batches = [BatchRow(*row) for row in rows]
        views = yield from views_of([one for one in batches if part is None or part in one.name.casefold()])
        found.extend(one for one in views if (not states or one.state in states) and task in (None, one.task))
        if len(rows) < bite:
            break
        at = batches[-1].id
    return BatchPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


def keyed_page(project: str, key: str) -> Script[BatchPage]:
    """The batch that an idempotency key stands for, if there is one."""
    rows: list[Row] = (yield All("find_batch_key", (project, key))) if storable(key) else []
    return BatchPage([(yield from show_batch(rows[0][0]))] if rows else [], None)


def _stored(state: BatchState) -> str:
    """The word the row has for it: `coalesce(ended, phase)`. Queued and running are told apart afterwards."""
    return Phase.active.value if state in (BatchState.queued, BatchState.running) else state.value
