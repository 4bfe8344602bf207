"""What a tree of conditions says of state and time: for so much of it the store can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.states import TERMINAL, State
from stook.server.dialects.vellum.states import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ANY", "NOTHING_KNOWN", "Narrowed", "all_of", "any_of"]

ANY: Final = frozenset(Wire)
_LIVE: Final = frozenset({Wire.PENDING, Wire.INITIATED, Wire.STREAMING})
_BEGUN: Final = frozenset({Wire.INITIATED, Wire.STREAMING})
_ENDED: Final = {
    Wire.FULFILLED: frozenset({State.succeeded}),
    Wire.REJECTED: frozenset({State.failed, State.cancelled, State.expired}),
}


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing that is wanted has another state, or was submitted before `since` or at `until` (microseconds) or later.
    `exact`: and everything that has not is wanted."""

    states: frozenset[Wire] = ANY
    since: int | None = None
    until: int | None = None
    exact: bool = True

    @property
    def told(self) -> bool:
        """The store knows these states without what executions have told."""
        return not self.states & _BEGUN or self.states >= _BEGUN

    def asked(self) -> dict[str, Any]:
        """As lists of hosted executions are asked."""
        found: dict[str, Any] = {"since": self.since, "until": self.until}
        if self.states == ANY:
            return found
        live = self.states & _LIVE
        wanted = frozenset(State) - TERMINAL if live else frozenset[State]()
        for state in self.states - _LIVE:
            wanted |= _ENDED[state]
        if live and not (Wire.PENDING in live and live & _BEGUN):
            found["begun"] = Wire.PENDING not in live
        return found | {"states": wanted}


NOTHING_KNOWN: Final = Narrowed(exact=False)


def all_of(parts: Iterable[Narrowed]) -> Narrowed:
    whole = Narrowed()
    for one in parts:
        whole = Narrowed(
            states=whole.states & one.states,
            since=max((at for at in (whole.since, one.since) if at is not None), default=None),
            until=min((at for at in (whole.until, one.until) if at is not None), default=None),
            exact=whole.exact and one.exact,
        )
    return whole


def any_of(parts: Iterable[Narrowed]) -> Narrowed:
    """One part at least. Times that differ from part to part are known no more."""
    each = list(parts)
    times = {(one.since, one.until) for one in each}
    since, until = times.pop() if len(times) == 1 else (None, None)
    states = frozenset[Wire]().union(*(one.states for one in each))
    return Narrowed(states=states, since=since, until=until, exact=all(one.exact for one in each) and not times)
