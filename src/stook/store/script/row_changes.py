"""Rows of the user's tables that changed start executions.

   the user's write ── trigger ──▶ row_change, where somebody subscribes ── commit ──▶ run_row_changes ──▶ executions

The change is written in the user's transaction, and the executions afterwards: what tasks want of it and whether their
conditions hold is decided here, and nobody's words are run as SQL.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import QuotaExceeded
from stook.core.extras import ItemExtras
from stook.core.ids import BatchIds
from stook.core.payload import decode
from stook.core.subscription import Subscription
from stook.store.script.triggered import start, terms_of
from stook.store.statement import All, Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.triggered import Terms
    from stook.store.statement import Row, Script

__all__ = ["run_row_changes"]

AGAIN: Final = 1_000_000
"""Microseconds until a project whose queue is full is tried again."""
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Change(msgspec.Struct, gc=False):
    """Columns of `lock_row_changes.sql`."""

    id: int
    project: str
    source: str
    op: str
    old: str | None
    new: str | None
    task: str | None

    def payload(self, one: Subscription) -> bytes:
        """Values as the database wrote them."""
        table = self.source.partition(".")[2]
        old, new = (None if side is None else one.cut(_decode_parts(side)) for side in (self.old, self.new))
        return msgspec.json.encode({"old": old, "new": new, "tg_table": table, "tg_op": self.op})


_Started = tuple[str, str, str, str]
"""Project, task, source, op: what executions have in common that a change starts."""


def run_row_changes(limit: int = 500) -> Script[int]:
    """How many were done. Those that a project's quota does not let in are tried again later."""
    now: int = yield Now()
    rows: list[Row] = yield All("lock_row_changes", (now, limit))
    if not rows:
        return 0
    changes = [_Change(*row) for row in sorted(rows, key=lambda row: row[0])]
    found: list[Row] = yield Each("row_subscriptions", sorted({(one.project, one.source) for one in changes}))
    subscriptions = sorted((Subscription(*row) for row in found), key=lambda one: (one.task, one.number))
    started = _matched(changes, subscriptions)
    terms = yield from terms_of((project, task) for project, task, _, _ in started)
    ids = BatchIds(lambda: now // 1000, secrets.randbits)
    for group, items in started.items():
        left = yield from _start(ids(), group, items, terms.get(group[:2]))
        if left:
            yield Many("insert_row_change", [_later(one, group[1], now + AGAIN) for one, _ in left])
            yield Notify(("timer",))
    yield Many("delete_row_change", [(one.id,) for one in changes])
    return len(changes)


def _matched(
    changes: Sequence[_Change], subscriptions: Sequence[Subscription]
) -> dict[_Started, list[tuple[_Change, bytes]]]:
    started: dict[_Started, list[tuple[_Change, bytes]]] = {}
    for change in changes:
        old = None if change.old is None else decode(change.old.encode())
        new = None if change.new is None else decode(change.new.encode())
        for one in subscriptions:
            if (one.project, one.source) != (change.project, change.source) or change.task not in (None, one.task):
                continue
            if one.hears_row(change.op.lower(), new, old):
                group = (one.project, one.task, one.source, change.op.lower())
                started.setdefault(group, []).append((change, change.payload(one)))
    return started


def _start(
    batch_id: bytes, group: _Started, items: list[tuple[_Change, bytes]], terms: Terms | None
) -> Script[list[tuple[_Change, bytes]]]:
    """Those that the project's quota has no room for."""
    project, task, source, op = group
    extras = ItemExtras(kind="row", name=f"{source}.{op}")
    some = items
    while some:
        try:
            yield from start(batch_id, project, task, terms, [raw for _, raw in some], extras)
        except QuotaExceeded as error:  # raised before anything is written
            some = some[: min(error.room, len(some) - 1)]
        else:
            break
    return items[len(some) :]


def _later(one: _Change, task: str, due_at: int) -> tuple[object, ...]:
    return (one.project, one.source, one.op, one.old, one.new, task, due_at)
