"""Events of executions that ended by the thousand at once, written in bites from the rows that their end left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.picks import as_range
from stook.core.states import State
from stook.store.script.batch_news import Ended
from stook.store.script.outbox import Origin, Outbox, subscribers, write_ends
from stook.store.statement import All, Many, Now

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["work_off_backlog"]


def work_off_backlog(limit: int = 4) -> Script[int]:
    """Of up to `limit` chunks, in the order in which they ended; returns of how many. Locks those rows, and passes over
    what somebody else works off."""
    rows: list[Row] = yield All("lock_webhook_backlog", (limit,))
    if not rows:
        return 0
    endpoints = yield from subscribers(row[2] for row in rows)
    now: int = yield Now()
    outbox = Outbox(endpoints, now)
    for _, batch_id, project, task, named, first, lo, hi, picks, state, round_, at in rows:
        ended = Ended(first, as_range(lo, hi, picks), State(state), round_, 0, at)
        yield from write_ends(outbox, Origin(project, batch_id, task, named, keyed=True), [ended], {})
    yield from outbox.write()
    yield Many("delete_webhook_backlog", [(row[0],) for row in rows])
    return len(rows)
