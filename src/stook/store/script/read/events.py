"""What has happened to a project's batches, in the order of its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.ids import execution_id
from stook.store.script.read.limit import check_limit
from stook.store.statement import All, Now

if TYPE_CHECKING:
    from collections.abc import Collection

    from stook.store.statement import Row, Script

__all__ = ["EventPage", "EventView", "events", "last_event"]

_BITE: Final = 500
_MOST: Final = 5000
"""Events of all projects looked through at a time."""
_SETTLING: Final = 10_000_000
"""Microseconds for which a number that is missing may still belong to a transaction under way: numbers are drawn
before they are committed, and the one drawn first may come last."""


class EventView(msgspec.Struct):
    id: int
    batch_id: str
    kind: str
    body: str
    at: int


class EventPage(msgspec.Struct):
    events: list[EventView]
    after: int
    """The cursor to go on with."""
    more: bool


def events(project: str, after: int = 0, limit: int = 100, kinds: Collection[str] | None = None) -> Script[EventPage]:
    """Behind event `after`. A young event behind a number that is missing is held back for a while, so that nobody who
    goes on behind it misses what comes late."""
    check_limit(limit)
    now: int = yield Now()
    found: list[EventView] = []
    looked = 0
    while looked < _MOST:
        rows: list[Row] = yield All("read_events", (after, _BITE))
        for id_, batch_id, kind, body, at, owner in rows:
            if id_ > after + 1 and after and now - at < _SETTLING:
                return EventPage(found, after, more=False)
            if owner == project and (kinds is None or kind in kinds):
                if len(found) == limit:
                    return EventPage(found, after, more=True)
                found.append(EventView(id_, execution_id(batch_id, 0), kind, body, at))
            after = id_
        looked += _BITE
        if len(rows) < _BITE:
            return EventPage(found, after, more=False)
    return EventPage(found, after, more=True)


def last_event() -> Script[int]:
    """The number of the newest, 0 where there is none."""
    rows: list[Row] = yield All("read_last_event")
    return rows[0][0] or 0
