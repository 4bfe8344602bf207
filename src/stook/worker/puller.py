"""Claims work while other work runs: never a slot idle while something is ready, never more than is soon run.

    room? ──▶ claim ──▶ slices ──▶ lanes          nothing? ──▶ wait for the source, or for room elsewhere
      ▲                   │
      └── a slot or a queue has room

A slice that is exclusive runs alone: nothing is claimed until it is settled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stook.core.errors import StookError, StoreUnavailable
from stook.worker.backoff import pause_after
from stook.worker.held import Held
from stook.worker.source import Claim
from stook.worker.traced import TracedHeld

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stook.core.log import LogLimits
    from stook.worker.definition import TaskDefinition
    from stook.worker.facilities import Facilities
    from stook.worker.lanes import Lane
    from stook.worker.live import Live
    from stook.worker.meter import Meter
    from stook.worker.source import Claimed, Slice, Source
    from stook.worker.spans import Spans

__all__ = ["Identity", "Puller"]

logger = logging.getLogger("stook.worker")

UNSETTLED_LIMIT: Final = 16_384
"""Executions in flight; beyond, outcomes are stored too slowly for more to be claimed."""
PATIENCE: Final = 10.0
"""Seconds that suspects wait for the worker to be idle by itself."""
PAUSE: Final = 1.0
"""Seconds for which nothing else is claimed then, so that it becomes idle if what it runs is short."""
ITEMS_PER_SLICE: Final = 64
"""A claim may bring a slice for every so many items, and `SLICES` at least."""
SLICES: Final = 16
SOON: Final = 0.005
"""Seconds after which a claim that took all there was is followed by another: time to settle what ends at once."""


class Identity(NamedTuple):
    worker: str
    lease: float
    """Seconds."""
    poll: float
    """Seconds after which a claim is tried although nobody said that there is work."""


class Puller:
    def __init__(
        self,
        source: Source,
        lanes: Sequence[Lane],
        live: Live,
        *,
        tasks: Mapping[str, TaskDefinition],
        note: Callable[[Held], None],
        identity: Identity,
        meter: Meter | None = None,
        spans: Spans | None = None,
        log_limits: LogLimits | None = None,
        fetch_size: int | None = None,
        facilities: Facilities | None = None,
    ) -> None:
        self._source = source
        self._lanes = lanes
        self._live = live
        self._tasks = tasks
        self._note = note
        self._identity = identity
        self._meter = meter
        self._spans = spans
        self._log_limits = log_limits
        self._fetch_size = fetch_size
        self._facilities = facilities
        self.taken = 0
        """Slices ever claimed."""
        self._full: list[Lane] = []
        """Lanes that had no room when the last round looked."""
        self._woken: asyncio.Future[None] | None = None
        self._again = False
        self._watching = False
        self._stopping = False
        self._suspects: deque[tuple[Lane, Held]] = deque()
        self._suspects_since: float | None = None
        self._announced_until: float | None = None
        self._limited = False
        """The last round left something that may run once something else has ended."""
        self._changes = 0
        """Slices ever settled or lost."""
        self._failures = 0
        self._dry: list[asyncio.Future[None]] = []

    # ------------------------------------------------------------------------------------------------- for others

    def poke(self) -> None:
        """A slot, or room in a queue, may be free."""
        if self._woken is not None and self._full and self._has_room():
            self._wake()

    def changed(self) -> None:
        """A slice is settled, or lost."""
        self._changes += 1
        idle = not len(self._live)
        if self._watching or self._limited or (idle and (self._dry or self._suspects_since is not None)):
            self._wake()
        else:
            self.poke()

    async def run_dry(self) -> None:
        """Returns once a claim made while nothing was in flight found nothing, and nothing is announced."""
        done = asyncio.get_running_loop().create_future()
        self._dry.append(done)
        self._wake()
        try:
            await done
        finally:
            self._dry.remove(done)

    def stop(self) -> None:
        """No claim begins after this but by `claim_forming`; what one under way brings is released."""
        self._stopping = True
        self._wake()

    async def claim_forming(self, free: int) -> None:
        """After `stop`: one claim per lane for groups that still form, as many as `free` slots take; they are left in
        their lanes, to be closed."""
        free -= sum(lane.gathering for lane in self._lanes)
        for lane in self._lanes:
            before = lane.gathering
            want = min(lane.want_last(free + before), UNSETTLED_LIMIT - self._live.in_flight)
            if want > 0:
                await self._claim(lane, want, idle=False, last=True)
                free -= lane.gathering - before

    # ------------------------------------------------------------------------------------------------------- turns

    async def run(self) -> None:
        while not self._stopping:
            if self._suspects:
                await self._run_suspect()
            else:
                await self._round()
        for _, held in self._suspects:
            _release(held)

    async def _round(self) -> None:
        """One claim for each lane with room; then a rest, unless something was found."""
        self._again = self._limited = False
        idle, changes = not len(self._live), self._changes
        if not idle and self._is_patience_over():
            await self._pause()
            return
        dry = list(self._dry)
        self._full = [lane for lane in self._lanes if self._want(lane) <= 0]
        asked = [lane for lane in self._lanes if lane not in self._full]
        tasks = [task for lane in asked for task in lane.tasks]
        answers, more = [], False
        for lane in asked:
            want = self._want(lane)
            if want <= 0 or self._suspects or self._stopping:
                return  # slices of another lane took the room: look again
            claimed = await self._claim(lane, want, idle=not len(self._live))
            if claimed is None:
                await self._rest(pause_after(self._failures))
                return
            answers.append(claimed)
            more = more or len(claimed.slices) >= SLICES or _items(claimed) >= want
        if any(claimed.slices for claimed in answers):
            self._announced_until = None
            if not more and not self._suspects:
                await self._rest(SOON, listen=tasks)
            return
        announced = min((claimed.wait for claimed in answers if claimed.wait is not None), default=None)
        if asked and idle and not len(self._live) and not self._is_worth_waiting(announced):
            _resolve(dry)
        self._limited = any(claimed.limited for claimed in answers)
        if self._limited and self._changes != changes:
            return  # something has ended since the store was asked: there may be room now
        poll = self._identity.poll
        longest = poll if announced is None else min(poll, announced)
        await self._rest(longest, listen=tasks)

    async def _pause(self) -> None:
        """Claims nothing for a moment, so that what runs may end and suspects have their turn."""
        self._full = []
        await self._rest(PAUSE)
        if len(self._live):
            self._suspects_since = asyncio.get_running_loop().time()

    async def _claim(self, lane: Lane, want: int, *, idle: bool, last: bool = False) -> Claimed | None:
        """`last`: of a stop, for the groups that form."""
        worker, lease, _ = self._identity
        hurried = last or bool(self._dry)
        began = perf_counter_ns()
        try:
            claimed = await self._source.claim(
                Claim(worker, lane.tasks, want, idle, lease, max(SLICES, want // ITEMS_PER_SLICE), hurried)
            )
        except StoreUnavailable as error:
            self._failures += 1
            logger.warning("cannot claim work, trying on: %s", error)
            return None
        self._failures = 0
        if self._meter is not None:
            self._meter.claimed(claimed.slices, perf_counter_ns() - began)
        if idle:
            self._suspects_since = None
        elif claimed.suspects and self._suspects_since is None:
            self._suspects_since = asyncio.get_running_loop().time()
        expires = began + round(lease * 1e9)
        # All are held before the first is handed on: from here on each lease is renewed.
        helds = [self._hold(piece, lane, expires) for piece in claimed.slices]
        self.taken += len(helds)
        items = _items(claimed)
        size = sum(len(piece.payload) for piece in claimed.slices)
        lane.pace.claimed(items=items, size=size, took=perf_counter_ns() - began)
        for held in helds:
            if self._stopping and not last:
                _release(held)
            elif held.piece.exclusive:
                self._suspects.append((lane, held))
            elif not held.lost:
                lane.accept(held)
                await asyncio.sleep(0)  # reading payloads takes its time too
        if not last:
            lane.claimed(all_of_it=items < want, hurried=hurried)
        return claimed

    def _hold(self, piece: Slice, lane: Lane, expires: int) -> Held:
        definition = self._tasks.get(piece.task)
        if definition is None or piece.task not in lane.tasks:
            raise StookError(f"the source gave work for task {piece.task!r}, which was not asked for")
        spans = None
        if piece.trace is not None and self._spans is not None and not definition.batched:
            spans = self._spans.of(piece)
        held = (Held if spans is None else partial(TracedHeld, spans))(
            piece,
            definition,
            note=self._note,
            expires=expires,
            pace=None if definition.batched else lane.pace,
            log_limits=self._log_limits,
            facilities=self._facilities,
        )
        self._live.add(held)
        return held

    async def _run_suspect(self) -> None:
        self._full = []  # nothing is claimed meanwhile: room in a queue is no reason to wake
        self._watching = True
        try:
            while len(self._live) > len(self._suspects) and not self._stopping:
                await self._rest(None)
            if self._stopping:
                return
            lane, held = self._suspects.popleft()
            if held not in self._live:
                return
            lane.accept(held)
            lane.claimed(all_of_it=True, hurried=True)
            while held in self._live and not self._stopping:
                await self._rest(None)
        finally:
            self._watching = False

    # ------------------------------------------------------------------------------------------------------- rests

    async def _rest(self, longest: float | None, listen: Sequence[str] = ()) -> None:
        """Until woken, `longest` seconds at most; with `listen`, also until the source has work for these tasks."""
        if self._again or self._stopping or (self._full and self._has_room()):
            self._again = False
            return
        if not len(self._live):
            for lane in self._lanes:
                lane.pace.rested()
        self._woken = asyncio.get_running_loop().create_future()
        waits: set[asyncio.Future[Any]] = {self._woken}
        if listen and longest is not None:
            waits.add(asyncio.ensure_future(self._source.wait(listen, longest)))
        try:
            await asyncio.wait(waits, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._woken = None
            await self._end(waits)

    async def _end(self, waits: set[asyncio.Future[Any]]) -> None:
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        for wait in waits:
            error = None if wait.cancelled() else wait.exception()
            if isinstance(error, StoreUnavailable):
                self._failures += 1
                logger.warning("cannot wait for work, trying on: %s", error)
                await asyncio.sleep(min(self._identity.poll, pause_after(self._failures)))
            elif error is not None:
                raise error

    def _wake(self) -> None:
        if self._woken is None:
            self._again = True
        elif not self._woken.done():
            self._woken.set_result(None)

    def _want(self, lane: Lane) -> int:
        want = min(lane.want(), UNSETTLED_LIMIT - self._live.in_flight)
        return want if self._fetch_size is None else min(want, max(self._fetch_size, lane.at_once()))

    def _has_room(self) -> bool:
        return any(self._want(lane) > 0 for lane in self._full)

    def _is_worth_waiting(self, announced: float | None) -> bool:
        """Something is announced, and its moment has not passed; a store whose clock stands still is not waited for."""
        now = asyncio.get_running_loop().time()
        if announced is None:
            self._announced_until = None
        elif self._announced_until is None:
            self._announced_until = now + announced
        return self._announced_until is not None and now < self._announced_until

    def _is_patience_over(self) -> bool:
        since = self._suspects_since
        return since is not None and asyncio.get_running_loop().time() - since > PATIENCE


def _items(claimed: Claimed) -> int:
    return sum(len(piece.offsets) for piece in claimed.slices)


def _release(held: Held) -> None:
    held.stop()
    for offset in held.piece.offsets:
        held.withdraw(offset)


def _resolve(waiting: list[asyncio.Future[None]]) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(None)
