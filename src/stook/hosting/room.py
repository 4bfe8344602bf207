"""What the deployments of one host share: so many processes, and executions in flight for which there may be one.

Runs that are short have one process for all of a deployment, however many of them are claimed ahead (`lane.py`): then a
deployment holds what it has of processes, else what it has in flight.

take ──▶ granted ──▶ claimed ──▶ in flight ──▶ settled ──▶ ring: whoever waits, who holds least first
└─ none left, or somebody waits who holds less: it waits
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from stook.hosting.pool import Pool

__all__ = ["Holder", "Room", "Share"]

_NEVER: Final = 1 << 62


class Holder(Protocol):
    """What holds room while its executions are in flight: a worker."""

    @property
    def in_flight(self) -> int:
        """Those for which there may be a process each."""
        ...


class Share:
    """A deployment's part of the room, from `Room.share` until `leave`."""

    def __init__(self, room: Room, pool: Pool) -> None:
        self._room = room
        self.pool = pool
        self.holder: Holder | None = None
        self.granted = 0
        self.waits: int | None = None
        """Its number among those that wait: the lowest has waited longest."""
        self.bell = asyncio.Event()
        """There is room, or somebody who goes first does not want it any more."""

    @property
    def held(self) -> int:
        return self.granted + (0 if self.holder is None else self.holder.in_flight)

    @property
    def turn(self) -> tuple[int, int]:
        return self.held, _NEVER if self.waits is None else self.waits

    def take(self, wanted: int) -> int:
        """How many of those it may claim now, to be told with `claimed`; with 0 it waits."""
        return self._room.take(self, wanted)

    def claimed(self, granted: int) -> None:
        """What was granted is in flight from this turn of the loop on, or was not needed."""
        self.granted -= granted
        self._room.ring_soon()

    def may_go_on(self) -> bool:
        """To claim what needs no place beyond those it holds. If somebody waits who has less it waits too, so that what
        it holds is free once what was claimed has ended."""
        if self._room.nobody_has_less(self):
            return True
        self._room.wait(self)
        return False

    def over(self, places: int) -> int:
        """How many there would be too many, if it held so many."""
        return self._room.over(self, places)

    def freed(self) -> None:
        """A place of its own is nobody's any more."""
        self._room.ring_soon()

    def want_no_more(self) -> None:
        """Nobody waits for it; what it holds it has until that ends, or until it leaves."""
        self.waits = None
        self._room.ring()

    def leave(self) -> None:
        self._room.leave(self)


class Room:
    """On one loop. What is in flight is asked for, not counted along: nothing that is lost can hold room for ever."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._shares: list[Share] = []
        self._numbers = itertools.count()

    def share(self, pool: Pool) -> Share:
        made = Share(self, pool)
        self._shares.append(made)
        return made

    def leave(self, share: Share) -> None:
        if share in self._shares:
            self._shares.remove(share)
            self.ring()

    def take(self, share: Share, wanted: int) -> int:
        before = sum(1 for one in self._shares if one.waits is not None and one is not share and one.turn < share.turn)
        granted = max(0, min(wanted, self._free() - before))
        if granted:
            share.waits = None
            share.granted += granted
            share.bell.clear()
        else:
            self.wait(share)
        return granted

    def wait(self, share: Share) -> None:
        if share.waits is None:
            share.waits = next(self._numbers)
        share.bell.clear()

    def nobody_has_less(self, share: Share) -> bool:
        held = share.held
        return self._free() > 0 or not any(one.waits is not None and one.held < held for one in self._shares)

    def over(self, share: Share, places: int) -> int:
        return share.granted + places - share.held - self._free()

    def ring(self) -> None:
        """Something has ended."""
        waiting = sorted((one for one in self._shares if one.waits is not None), key=lambda one: one.turn)
        for one in waiting[: max(0, self._free())]:
            one.bell.set()

    def ring_soon(self) -> None:
        """Once those that learn of it in this turn of the loop have."""
        asyncio.get_running_loop().call_soon(self.ring)

    async def make_place(self) -> None:
        """For a process that is about to start, and is counted as busy: as many that rest end, of any deployment, the
        longest resting first, as there would be too many."""
        while sum(one.pool.busy + one.pool.resting for one in self._shares) > self._most:
            resting = [one.pool for one in self._shares if one.pool.resting]
            if not resting:
                return
            await min(resting, key=_due).drop_oldest()

    def _free(self) -> int:
        return self._most - sum(one.held for one in self._shares)


def _due(pool: Pool) -> float:
    return pool.oldest_due
