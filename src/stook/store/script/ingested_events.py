"""Events of workflows that run elsewhere: kept by their ids for a time, read newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.store.script.read.limit import check_limit
from stook.store.script.read.storable import storable
from stook.store.statement import All, Many, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["KEPT", "IngestedEvent", "ingest_events", "read_ingested"]

KEPT: Final = 30 * 86_400_000_000
"""Microseconds."""
_PURGED: Final = 1000
"""Each ingest takes no more than so many old ones away, and so stays quick."""


class IngestedEvent(msgspec.Struct, frozen=True, gc=False):
    """`body`: the event's JSON as it came."""

    id: str
    name: str
    trace_id: str | None
    span_id: str | None
    body: bytes


def ingest_events(project: str, events: Sequence[IngestedEvent]) -> Script[None]:
    """One whose id is there already stays as it was. Of the project, those older than `KEPT` go."""
    now: int = yield Now()
    first = {one.id: one for one in reversed(events)}
    rows = [
        (project, one.id, one.name, one.trace_id, one.span_id, now, one.body)
        for one in sorted(first.values(), key=lambda one: one.id)
    ]
    yield Run("purge_ingested_events", (project, now - KEPT, _PURGED))
    if rows:
        yield Many("insert_ingested_event", rows)


def read_ingested(
    project: str, *, trace_id: str | None = None, offset: int = 0, limit: int = 100
) -> Script[list[bytes]]:
    """Bodies, the newest first; of one trace, or of all."""
    check_limit(limit)
    if trace_id is None:
        rows: list[Row] = yield All("read_ingested_events", (project, limit, offset))
    elif storable(trace_id):
        rows = yield All("read_ingested_trace", (project, trace_id, limit, offset))
    else:
        rows = []
    return [row[0] for row in rows]
