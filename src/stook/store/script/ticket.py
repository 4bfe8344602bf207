"""The right to act once under an idempotency key: an act and the word that it was done are one transaction.

begin ──▶ ticket ──▶ act + `done` ──▶ answer kept
             │            └─ died here: whoever brings the key again is told what was done, and only answers
             └─ died here: nothing was done; the ticket is void once somebody else has the key
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from stook.core.errors import Conflict
from stook.store.statement import Each, Many

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stook.store.statement import Row, Script

__all__ = ["Standing", "Ticket", "act_once", "hold_tickets", "stamp_tickets", "void"]

T = TypeVar("T")


class Ticket(NamedTuple):
    """`owner` is the request that began under the key."""

    project: str
    key: str
    owner: int


class Standing(NamedTuple):
    """`done` is what the act came to, by whoever did it; `valid`: not done, and this ticket's to do."""

    done: bytes | None
    valid: bool


def hold_tickets(tickets: Sequence[Ticket]) -> Script[list[Standing]]:
    """Until the transaction ends nobody else acts under these. Comes before any other lock."""
    asked = sorted({(one.project, one.key) for one in tickets})
    rows: list[Row] = yield Each("lock_tickets", asked)
    known = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    found = []
    for one in tickets:
        owner, done = known.get((one.project, one.key), (None, None))
        found.append(Standing(done, valid=done is None and owner == one.owner))
    return found


def stamp_tickets(done: Mapping[Ticket, bytes]) -> Script[None]:
    """The caller holds them."""
    yield Many("stamp_ticket", [(one.project, one.key, word) for one, word in sorted(done.items())])


def void(ticket: Ticket) -> Conflict:
    return Conflict(
        f"another request goes on under Idempotency-Key {ticket.key!r}, this one was silent for too long",
        hint="send it again for its answer",
    )


def act_once(
    ticket: Ticket, act: Callable[[], Script[T]], returns: Any, worth: Callable[[T], bool] = lambda _: True
) -> Script[T]:
    """What the act returns, of the type `returns`: now, or the first time, if it was done under the key before. What is
    not `worth` a word changed nothing, and may be tried again. `Conflict` for a ticket that is void."""
    ((done, valid),) = yield from hold_tickets((ticket,))
    if done is not None:
        found: T = msgspec.msgpack.decode(done, type=returns)
        return found
    if not valid:
        raise void(ticket)
    answer = yield from act()
    if worth(answer):
        yield from stamp_tickets({ticket: msgspec.msgpack.encode(answer)})
    return answer
