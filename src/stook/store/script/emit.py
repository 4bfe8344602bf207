"""Events: one, and an execution for every subscription that it matches, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.extras import ItemExtras
from stook.core.payload import decode, encode
from stook.core.subscription import Subscription
from stook.store.script.awaited_events import tell_waiting
from stook.store.script.triggered import start, terms_of
from stook.store.statement import All, Now, Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.statement import Row, Script

__all__ = ["KEPT", "Emission", "emit", "purge_emitted"]

KEPT: Final = 7 * 86_400_000_000


class Emission(msgspec.Struct, frozen=True, kw_only=True):
    """`payload` is JSON; `trace` as in `core.work.Slice`. `kept`: microseconds for which whoever comes to wait for it
    finds it."""

    id: bytes
    project: str
    name: str
    payload: bytes = b"null"
    trace: str | None = None
    kept: int = KEPT


def emit(event: Emission, ids: Callable[[], bytes]) -> Script[int]:
    """How many executions it started. An id that is there already: nothing happens."""
    now: int = yield Now()
    row = (event.id, event.project, event.name, event.payload, now, now + event.kept)
    added: list[Row] = yield All("insert_emitted", row)
    if not added:
        return 0
    yield from tell_waiting(event.id, event.project, event.name, now)
    rows: list[Row] = yield All("event_subscriptions", (event.name, event.project))
    if not rows:
        return 0
    value = decode(event.payload)
    items: dict[str, list[bytes]] = {}
    for one in (Subscription(*row) for row in rows):
        if one.hears(value):
            raw = event.payload if one.fields is None else encode(one.cut(value))
            items.setdefault(one.task, []).append(raw)
    terms = yield from terms_of((event.project, task) for task in items)
    extras = ItemExtras(kind="event", name=event.name)
    for task, payloads in items.items():
        known = terms.get((event.project, task))
        yield from start(ids(), event.project, task, known, payloads, extras, trace=event.trace)
    return sum(map(len, items.values()))


def purge_emitted(limit: int = 1000) -> Script[int]:
    """Events that are kept no longer; how many."""
    now: int = yield Now()
    removed: int = yield Run("purge_emitted", (now, limit))
    return removed
