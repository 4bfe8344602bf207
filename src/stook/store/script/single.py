"""Single submissions under idempotency keys: each is an execution once, whatever dies when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.script.submit import Created, NewBatch, submit
from stook.store.script.ticket import Standing, hold_tickets, stamp_tickets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.chunk import Chunk
    from stook.store.script.ticket import Ticket
    from stook.store.statement import Script

__all__ = ["Place", "places_of", "submit_ticketed"]

Place = tuple[bytes, int, bool]
"""(batch, index, created) of one submission."""


def places_of(created: Created, count: int) -> list[Place]:
    """Of the `count` submissions that a batch was made of; not created are those whose dedupe key another holds."""
    held = {place: (holder, index) for place, holder, index in created.existing}
    found: list[Place] = []
    index = 0
    for place in range(count):
        if place in held:
            found.append((*held[place], False))
        else:
            found.append((created.id, index, True))
            index += 1
    return found


def submit_ticketed(
    new: NewBatch,
    chunks: Sequence[Chunk],
    tickets: Sequence[Ticket],
    *,
    run_at: int | None = None,
    expires_at: int | None = None,
) -> Script[tuple[Created | None, list[Standing]]]:
    """As `submit`, a ticket for each item. Where one of them is done or void, nothing is written and there is no batch:
    the standings say which."""
    standings = yield from hold_tickets(tickets)
    if not all(one.valid for one in standings):
        return None, standings
    created = yield from submit(new, chunks, run_at=run_at, expires_at=expires_at)
    places = places_of(created, len(tickets))
    yield from stamp_tickets(
        {ticket: msgspec.msgpack.encode(place) for ticket, place in zip(tickets, places, strict=True)}
    )
    return created, standings
