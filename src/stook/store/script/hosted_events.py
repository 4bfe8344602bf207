"""What hosted code tells while it runs, in the order told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from stook.core.hosted_event import HostedEvent, KeptEvent
from stook.store.statement import All, Each, Many, Notify

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Told", "hosted_topic", "keep_hosted_events", "last_told", "read_hosted_events"]


class Told(msgspec.Struct, frozen=True, gc=False):
    """By one execution, in this order."""

    batch_id: bytes
    index: int
    events: Sequence[HostedEvent]


def hosted_topic(batch_id: bytes, index: int) -> str:
    """Rings when the execution has told something."""
    return f"hosted:{batch_id[:12].hex()}{index:08x}"


def keep_hosted_events(told: Sequence[Told]) -> Script[None]:
    """Nothing is locked: who tells late, of an execution that another runs by now, is heard too."""
    rows = [
        (one.batch_id, one.index, event.id, event.name, event.at, event.body) for one in told for event in one.events
    ]
    if rows:
        yield Many("insert_hosted_event", rows)
        yield Notify(tuple(sorted({hosted_topic(one.batch_id, one.index) for one in told if one.events})))


def read_hosted_events(batch_id: bytes, index: int, after: int = 0, most: int = 200) -> Script[list[KeptEvent]]:
    """Up to `most` behind the number `after`. What was told twice comes twice, with one id."""
    rows: list[Row] = yield All("read_hosted_events", (batch_id, index, after, most))
    return [KeptEvent(number=number, id=id_, name=name, at=at, body=body) for number, id_, name, at, body in rows]


def last_told(executions: Sequence[tuple[bytes, int]], name: str) -> Script[dict[tuple[bytes, int], HostedEvent]]:
    """The last event of this name, by (batch, index); those that have told none are left out."""
    rows: list[Row] = yield Each("last_hosted_event", [(*one, name) for one in sorted(set(executions))])
    return {(batch_id, index): HostedEvent(*event) for batch_id, index, *event in rows}
