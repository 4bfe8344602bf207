"""Events of a project on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec

from stook.wire.stamp import Stamp

__all__ = ["Event", "EventPage", "EventQuery"]


class Event(msgspec.Struct, kw_only=True):
    """`id` is the cursor to go on from; `body` depends on `kind`."""

    id: int
    kind: str
    batch_id: str
    at: Stamp
    body: msgspec.Raw


class EventPage(msgspec.Struct):
    """`next` is there as long as more was found."""

    data: list[Event]
    next: str | None


class EventQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`kind` may name several, with commas between."""

    after: Annotated[int, msgspec.Meta(ge=0, lt=2**62)] = 0
    kind: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
