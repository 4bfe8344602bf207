"""Executions of one deployment on their way to its replicas.

ready ──▶ station (a replica each): one at a time, on as many as there may be
├──▶ of runs that are shorter than a millisecond, one station has all, some of them ahead
▲                                              │
└── what it had not begun: stuck, dead, or it writes ──┘

So runs begin in the order in which they were submitted, and what is short does not wait for its host in between. What
waits here has a place in the host's room, or goes back to the queue; of what is never run twice nothing waits here that
could not start at once, unless runs are short, and then for as long as `GROUP` keeps one process at work.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from stook.core.payload import split_array
from stook.hosting.station import Given, Station
from stook.worker.held import NEVER
from stook.worker.pace import CLAIM_LIMIT
from stook.worker.trouble import released

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stook.hosting.pool import Pool
    from stook.hosting.room import Share
    from stook.hosting.run_frames import RunFrames
    from stook.hosting.run_log import RunLog
    from stook.worker.held import Held
    from stook.worker.lanes import Surroundings

__all__ = ["ReplicaLane"]

SHORT: Final = 1_000_000
"""Nanoseconds: what runs for less than that is given ahead."""
GROUP: Final = 20_000_000
"""Nanoseconds of work that are given at a time; as much at most is claimed ahead of what is never run twice."""
ENOUGH: Final = 5
"""Runs after which it is known whether they are short."""
STUCK: Final = 50_000_000
"""Nanoseconds in one run after which what waits behind it is wanted back."""
STEP: Final = 1.25
SURPRISE: Final = 4


class ReplicaLane:
    """On one loop. `rerun`: what its host loses may be run again. `frames` say an execution as its replica has to know
    it, `new_log` where its output goes, `drop_log` that it has ended, `event` keeps what it tells until `events_kept`.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        count: int,
        room: Surroundings,
        *,
        pool: Pool,
        share: Share,
        rerun: bool,
        most: int,
        grace: float,
        frames: RunFrames,
        new_log: Callable[[Given], RunLog],
        drop_log: Callable[[RunLog], None],
        event: Callable[[Given, dict[str, Any]], Awaitable[None]],
        events_kept: Callable[[], Awaitable[None]],
    ) -> None:
        self.tasks = tasks
        self.count = count
        self.pace = room.pace
        self.pool = pool
        self.most = most
        self.grace = grace
        self.frame = frames.of
        self.first_frame = frames.first
        self._one_by_one = not frames.at_once
        self._share = share
        self._rerun = rerun
        self.new_log = new_log
        self.drop_log = drop_log
        self.event = event
        self.events_kept = events_kept
        self._room = room
        self._queue: deque[Given] = deque()
        self._stations: list[Station] = []
        self.item = 0.0
        """Nanoseconds that a run takes by itself; 0: nobody says."""
        self._known = 0
        """Runs that have said how long they took, up to `ENOUGH`."""
        self.streams = False
        """Runs are short: one station has all that is not stuck."""
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = NEVER
        self._stuck: set[Station] = set()
        """In a run that is not short after all."""
        self._suspects: dict[Station, int] = {}
        """Since when what they run had not ended when that was last looked at."""

    # ------------------------------------------------------------------------------------------------ as a lane

    @property
    def busy(self) -> int:
        return len(self._stations)

    def want(self) -> int:
        ahead, free = self._ahead(), self.at_once()
        waiting = len(self._queue) + sum(len(one.given) for one in self._stations) - self.busy
        if waiting > max(free, ahead // 2):
            return 0
        wanted = max(0, free + ahead - waiting)
        return min(wanted, CLAIM_LIMIT if self.streams else max(1, free))

    def at_once(self) -> int:
        if self.streams:
            return 0 if self._leader() is not None or self.busy >= self.count else 1
        return self.count - self.busy

    def _ahead(self) -> int:
        """Of what is never run twice: `GROUP` at most, by the median of runs and by their mean."""
        if self._rerun:
            return self.pace.ahead()
        return int(GROUP / max(self.item, self.pace.item)) if self.streams else 0

    @property
    def places(self) -> int:
        """Processes for which it has work."""
        if self.streams:
            return self.busy + (1 if self._queue and self._leader() is None else 0)
        return self.busy + len(self._queue)

    def places_for(self, items: int) -> int:
        """Processes that so many more may need beside those."""
        if self.streams:
            return 0 if self._leader() is not None else 1
        return items

    @property
    def gathering(self) -> int:
        return 0

    def want_last(self, free: int) -> int:  # noqa: ARG002 - no groups form here
        return 0

    def accept(self, held: Held) -> None:
        piece = held.piece
        payloads = split_array(piece.payload)
        self._queue.extend(
            Given(held, offset, payload) for offset, payload in zip(piece.offsets, payloads, strict=True)
        )
        self._hand_out()

    def claimed(self, *, all_of_it: bool, hurried: bool) -> None:
        """They were handed out as they came."""

    def close(self, why: str) -> None:
        """As for `claimed`."""

    def hand_back(self) -> int:
        keep = self._ahead()
        if len(self._queue) <= self.count + 4 * keep:
            return 0
        return self._release(len(self._queue) - keep)

    def _release(self, count: int) -> int:
        for _ in range(count):
            one = self._queue.pop()
            one.held.trouble(released(one.offset))
        return count

    def sweep(self) -> None:
        for station in list(self._stations):
            if any(not one.held.may_start(one.offset) for one in station.given):
                station.take_back()
        waiting, self._queue = self._queue, deque()
        for one in waiting:
            if one.held.may_start(one.offset):
                self._queue.append(one)
            else:
                one.held.withdraw(one.offset)
        self._hand_out()

    # ---------------------------------------------------------------------------------------------------- its end

    async def start(self) -> None:
        """Replicas are started when there is work."""

    def shut(self) -> None:
        self._closing = True
        self.sweep()

    def cut(self) -> None:
        for station in list(self._stations):
            station.cut("shutdown")

    def kill(self) -> None:
        """As for `cut`."""
        self.cut()

    async def end(self) -> None:
        self._closing = True
        self.cut()
        if self._timer is not None:
            self._timer.cancel()
        for station in list(self._stations):
            await station.over()

    # ----------------------------------------------------------------------------------------------- handing out

    def _hand_out(self) -> None:
        self._shed()
        while self._queue and len(self._stations) < self.count and not self._closing:
            if self.streams and self._leader() is not None:
                break
            if first := self._next(1):
                self._stations.append(Station(self, first[0]))
        leader = self._leader() if self.streams else None
        if leader is not None:
            self._fill(leader)
        self._watch()

    def _shed(self) -> None:
        """What has no place, and what could not start at once though nothing may wait, is the queue's again."""
        if not self._queue:
            return
        over = self._share.over(self.places)
        if self.streams:
            keep = len(self._queue) if over <= 0 or self._leader() is not None else 0
        else:
            keep = len(self._queue) - over
            if not self._rerun:
                keep = min(keep, self.count - sum(1 for one in self._stations if one.given))
        self._release(len(self._queue) - min(max(0, keep), len(self._queue)))

    def _leader(self) -> Station | None:
        """The one that short runs go to."""
        return next((one for one in self._stations if one not in self._stuck), None)

    def _fill(self, station: Station) -> None:
        replica = station.replica
        if replica is None or replica.spent or station.cutting or self._closing or self._one_by_one:
            return
        has, left = len(station.given), self.pool.runs_left(replica)
        if replica.ahead and self.streams:
            if station is not self._leader():
                return  # what begins here would not be in its order
            most = max(1, min(station.window, int(GROUP / self.item)))
        else:
            most = 1
        if has <= most // 2 and (more := self._next(min(most - has, left))):
            station.give(more)

    def _next(self, most: int) -> list[Given]:
        """The first ones, without those that may not start any more."""
        found: list[Given] = []
        now = perf_counter_ns()
        while self._queue and len(found) < most:
            one = self._queue.popleft()
            if now < one.held.expires and one.held.may_start(one.offset):
                found.append(one)
            else:
                one.held.withdraw(one.offset)
        return found

    # ------------------------------------------------------------------------------------------ from the stations

    def ran(self, nanoseconds: int) -> None:
        if not self.item:
            self.item = max(1.0, nanoseconds)
        else:  # towards their median: a run that was kept waiting by others on the machine says little
            self.item *= STEP if nanoseconds > self.item else 1 / STEP
        self._known = min(ENOUGH, self._known + 1)
        # Those about the limit do not change from one to the other with each run.
        self.streams = self._known == ENOUGH and self.item < (SHORT if self.streams else SHORT / STEP**2)

    def loaded(self, station: Station) -> None:  # noqa: ARG002 - any of them may be the next to be out of time
        self._watch()

    def returned(self, given: Sequence[Given]) -> None:
        for one in reversed(given):
            if one.held.may_start(one.offset):
                self._queue.appendleft(one)
            else:
                one.held.withdraw(one.offset)

    def answered(self, station: Station) -> None:
        self._stuck.discard(station)
        if not self.streams:
            station.take_back()
        self._fill(station)
        if self._queue and not self.streams:
            self._hand_out()
        self._watch()
        self._room.poke()

    def left(self, station: Station) -> None:
        self._stations.remove(station)
        self._stuck.discard(station)
        self._hand_out()
        self._share.freed()
        self._room.poke()
        if not self._stations and (self._closing or not self._queue):
            self._room.quiet()

    # ---------------------------------------------------------------------------------------------- out of time

    def _watch(self) -> None:
        """A look when the first of what runs is out of time, and soon where something waits behind it."""
        due = NEVER
        for station in self._stations:
            if station.given and not station.cutting:
                due = min(due, station.deadline if len(station.given) == 1 else perf_counter_ns() + STUCK)
        if due < self._look_at:
            self._look_at = due
            if self._timer is not None:
                self._timer.cancel()
            seconds = max(0, due - perf_counter_ns()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._look_at, self._timer = NEVER, None
        suspects, self._suspects = self._suspects, {}
        now = perf_counter_ns()
        for station in list(self._stations):
            if not station.given:
                continue
            if len(station.given) > 1 and now - station.began > STUCK:
                if suspects.get(station) == station.began:  # whatever it had said by then has been heard since
                    self._stuck.add(station)
                    self.item *= SURPRISE
                    self.streams = self.streams and self.item < SHORT
                    station.take_back()
                else:
                    self._suspects[station] = station.began
            if now >= station.deadline:
                one = station.given[0]
                station.ask(one.held, one.offset, "timeout")
        self._hand_out()
