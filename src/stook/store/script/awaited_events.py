"""Executions that wait for an event get the first one since their creation that is for them.

   emit ──────▶ errand event_emitted ──▶ an event_awaited for each wait that it matches
   suspension ─▶ errand event_awaited ──▶ what has been emitted since the execution's creation

Both ask in the transaction that has the news and are done after its commit: so one of the two sees the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.containment import contains
from stook.core.memo import Memo
from stook.core.payload import decode
from stook.store.script.batch_row import lock_batches
from stook.store.script.flush import Flush
from stook.store.script.settle import SettleAnswer, write_flushes
from stook.store.script.wake import Came, deliver, read_waits
from stook.store.statement import All, Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.errands import Errand
    from stook.store.script.wake import WaitRow
    from stook.store.statement import Row, Script

__all__ = ["events_awaited", "events_emitted", "tell_waiting"]

PAGE: Final = 200
FIRST: Final = b""


class _Event(msgspec.Struct, gc=False):
    """Columns of `read_emitted.sql`."""

    id: bytes
    project: str
    name: str
    payload: bytes
    at: int


def tell_waiting(event_id: bytes, project: str, name: str, now: int) -> Script[None]:
    """Of an event that the caller has inserted."""
    yield Many("insert_errand", [("event_emitted", event_id, 0, name, project, now)])
    yield Notify(("errand",))


def events_emitted(errands: Sequence[Errand]) -> Script[None]:
    """Their `batch_id` is the event's id, `key` its name, `body` its project."""
    waits: list[Row] = yield Each("event_waits", [(one.batch_id, one.body, one.key) for one in errands])
    if not waits:
        return
    rows: list[Row] = yield Each("read_emitted", sorted({(row[0],) for row in waits}))
    payloads = {row[0]: decode(row[3]) for row in rows}
    now: int = yield Now()
    asked = [
        ("event_awaited", batch_id, index, key, event_id.hex(), now)
        for event_id, batch_id, index, key, match in sorted(waits, key=lambda row: tuple(row[:4]))
        if event_id in payloads and _is_for(match, payloads[event_id])
    ]
    if asked:
        yield Many("insert_errand", asked)
        yield Notify(("errand",))


def events_awaited(errands: Sequence[Errand]) -> Script[None]:
    """`body` is the id of an event that matches, in hex; None: look at all since the execution's creation."""
    batches = yield from lock_batches(one.batch_id for one in errands)
    now: int = yield Now()
    flushes = {batch_id: Flush(batch, now) for batch_id, batch in batches.items()}
    waits = yield from read_waits((one.batch_id, one.index, one.key) for one in errands)
    named = sorted({(bytes.fromhex(one.body),) for one in errands if one.body is not None})
    rows: list[Row] = (yield Each("read_emitted", named)) if named else []
    known = {row[0]: _Event(*row) for row in rows}
    came: dict[tuple[bytes, int, str], Came] = {}
    for one in errands:
        place = (one.batch_id, one.index, one.key)
        wait, flush = waits.get(place), flushes.get(one.batch_id)
        if wait is None or wait.event_name is None or flush is None or place in came:
            continue
        since = flush.batch.created_at
        if one.body is None:  # once per wait, in the errand of its suspension
            found = yield from _first(flush.batch.project, wait, since)
        else:
            found = known.get(bytes.fromhex(one.body))
        if found is not None and found.at >= since:
            came[place] = Came(wait, Memo(wait.key, "event", found.payload))
    if came:
        yield from deliver(flushes, list(came.values()))
        yield from write_flushes(list(flushes.values()), SettleAnswer([]))


def _first(project: str, wait: WaitRow, since: int) -> Script[_Event | None]:
    after = (since, FIRST)
    while True:
        rows: list[Row] = yield All("read_emitted_since", (project, wait.event_name, *after, PAGE))
        for row in rows:
            event = _Event(*row)
            if _is_for(wait.match, decode(event.payload)):
                return event
        if len(rows) < PAGE:
            return None
        after = (rows[-1][4], rows[-1][0])


def _is_for(match: bytes | None, payload: object) -> bool:
    return match is None or contains(payload, decode(match))
