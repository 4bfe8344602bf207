"""A worker: claims from a source, runs handlers, settles.

    puller ──▶ lanes ──▶ slots (consumers, threads) ──▶ flusher ──▶ source
                 │                                         ▲
                 └─────▶ child processes ──────────────────┘

Beside them, in a thread of its own, the renewal keeps leases and hears of cancellations.
"""

from __future__ import annotations

import asyncio
import logging
import os
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import ConfigError
from stook.core.log import LogLimits
from stook.worker.attempt import NO_CUSTOM
from stook.worker.facilities import Facilities, check_custom
from stook.worker.flusher import ENOUGH, SOON, Flusher
from stook.worker.group_lane import GroupLane
from stook.worker.held import NEVER
from stook.worker.lanes import SlotLane, Surroundings
from stook.worker.live import Live
from stook.worker.logs.keeper import LogKeeper
from stook.worker.outbox import Outbox
from stook.worker.outside import NOTHING
from stook.worker.pace import Pace
from stook.worker.processes.lane import ProcessLane
from stook.worker.puller import Identity, Puller
from stook.worker.rememberer import Rememberer
from stook.worker.renewal import Renewal
from stook.worker.runtime_options import check_counts, check_seconds, check_tasks
from stook.worker.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stook.worker.definition import TaskDefinition
    from stook.worker.lanes import Elsewhere, Lane
    from stook.worker.meter import Meter
    from stook.worker.outside import Outside
    from stook.worker.source import Renewed, Source
    from stook.worker.spans import Spans

__all__ = ["WorkerRuntime"]

logger = logging.getLogger("stook.worker")

TICK: Final = 0.5
"""Seconds between two looks at what only time changes."""
LAST_WAIT: Final = 5.0
"""Seconds, after the grace, for handlers to end that were told to."""


class WorkerRuntime:
    """`start`, then `drain` or wait, then `stop`. One event loop, one use: a stopped runtime stays stopped.

    `concurrency` is handler calls at once, a group being one; tasks of kind `process` run in `processes` children
    instead (default: one per processor). Seconds everywhere. `failure` is set when no retry can help (a full disk, a
    source that breaks its protocol): nothing more is claimed, and `drain` raises it. `logs` bounds what is captured of
    one attempt. `outside` is what handlers reach beyond their execution; each key of `custom` is an attribute of every
    context, and `ConfigError` if contexts have it already.
    """

    def __init__(
        self,
        source: Source,
        tasks: Mapping[str, TaskDefinition],
        *,
        name: str,
        concurrency: int = 10,
        processes: int | None = None,
        lease: float = 60.0,
        grace: float = 30.0,
        flush_interval: float = SOON,
        flush_size: int = ENOUGH,
        fetch_size: int | None = None,
        poll_interval: float = 1.0,
        meter: Meter | None = None,
        spans: Spans | None = None,
        logs: LogLimits | None = None,
        outside: Outside = NOTHING,
        custom: Mapping[str, Any] = NO_CUSTOM,
        lane: Callable[[Surroundings], Elsewhere] | None = None,
    ) -> None:
        check_counts(concurrency=concurrency, processes=processes, fetch_size=fetch_size, flush_size=flush_size)
        check_seconds(lease=lease, poll_interval=poll_interval, flush_interval=flush_interval)
        check_tasks(tasks, processes)
        self._source = source
        self._tasks = dict(tasks)
        self._identity = Identity(name, lease, poll_interval)
        self._concurrency = concurrency
        self._processes = processes
        self._grace = grace
        self._flush_interval = flush_interval
        self._flush_size = flush_size
        self._fetch_size = fetch_size
        self._meter = meter
        self._spans = spans
        self._log_limits = logs or LogLimits()
        self._outside = outside
        self._custom = check_custom(custom)
        self._lane = lane
        self._started = False
        self._stopped: asyncio.Task[None] | None = None
        self.failure: BaseException | None = None

    @property
    def name(self) -> str:
        return self._identity.worker

    @property
    def in_flight(self) -> int:
        """Executions claimed and not yet settled."""
        return self._live.in_flight if self._started else 0

    @property
    def taken(self) -> int:
        """Slices ever claimed: unchanged, nothing has come meanwhile."""
        return self._puller.taken if self._started else 0

    @property
    def running(self) -> int:
        """Slots and children that have work."""
        if not self._started:
            return 0
        return self._slots.busy + (0 if self._children is None else self._children.busy)

    @property
    def capacity(self) -> int:
        """Slots and children there are."""
        slots = self._concurrency if self._lane is None else 0
        return slots + (0 if self._children is None else self._children.count) if self._started else 0

    @property
    def _captured(self) -> LogLimits | None:
        return self._log_limits if self._log_limits.lines else None

    # ------------------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Returns once work is being pulled."""
        if self._started:
            raise ConfigError("the worker was started before", hint="make a new one")
        self._started = True
        loop = asyncio.get_running_loop()
        name, lease, _ = self._identity
        self._failed: asyncio.Future[None] = loop.create_future()
        self._idle = asyncio.Event()
        self._outbox = Outbox(loop, self._fail)
        self._live = Live(self._changed, self._meter)
        self._slots = Slots(
            self._concurrency, outbox=self._outbox, poke=self._poke, quiet=self._quiet, failed=self._fail
        )
        self._slots.spans = self._spans
        self._flusher = Flusher(
            self._source,
            self._live,
            interval=self._flush_interval,
            most=self._flush_size,
            failed=self._fail,
            meter=self._meter,
        )
        self._rememberer = Rememberer(self._source, self._live, lease=lease, meter=self._meter)
        self._lanes = self._make_lanes()
        self._puller = Puller(
            self._source,
            self._lanes,
            self._live,
            tasks=self._tasks,
            note=self._flusher.note,
            identity=self._identity,
            meter=self._meter,
            spans=self._spans,
            log_limits=self._captured,
            fetch_size=self._fetch_size,
            facilities=Facilities(loop, self._rememberer, self._outside, self._tasks, self._custom, self._meter),
        )
        self._keeper = LogKeeper(self._source, self._live)
        self._renewal = Renewal(
            self._source, self._live, worker=name, lease=lease, outbox=self._outbox, apply=self._renewed
        )
        if self._children is not None:
            try:
                await self._children.start()
            except BaseException:
                self._started = False
                self._children.kill()
                raise
        self._renewal.start()
        self._flushing = self._watched(self._flusher.start())
        self._pulling = self._watched(loop.create_task(self._puller.run(), name="stook puller"))
        self._ticking = loop.call_later(TICK, self._tick)
        if self._meter is not None:
            self._meter.attach(self)

    def give_up(self, error: BaseException) -> None:
        """Nothing more is claimed, and `failure` is this; what runs goes on until `stop`."""
        if self._started:
            self._fail(error)

    async def failed(self) -> None:
        """Returns once there is a `failure`."""
        await asyncio.wait({self._failed})

    async def drain(self, timeout: float | None = None) -> bool:
        """Returns True when nothing is in flight and a claim then found nothing, nor announced anything.

        Retries that are due later remain. Groups do not wait for more members meanwhile. False after `timeout`
        seconds. The worker goes on either way. Raises `failure`.
        """
        dry = asyncio.ensure_future(self._puller.run_dry())
        await asyncio.wait({dry, self._failed}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self.failure is not None:
            dry.cancel()
            raise self.failure
        if dry.done():
            return True
        dry.cancel()
        return False

    async def stop(self, grace: float | None = None) -> None:
        """Ends the worker: nothing is claimed but groups that form, which close now, as many as slots are free for;
        running handlers have `grace` seconds, everything is settled.

        What has not started, what raises once it was told, and what has to be cut off is released: it costs no
        attempt. Code that cannot be ended (a thread) keeps its lease, which then runs out. Calling twice waits for
        the same stop.
        """
        if not self._started:
            return
        if self._stopped is None:
            self._stopped = asyncio.ensure_future(self._stop(self._grace if grace is None else grace))
        await asyncio.shield(self._stopped)

    async def _stop(self, grace: float) -> None:
        self._puller.stop()
        await self._end(self._pulling, max(grace, LAST_WAIT))
        if grace > 0 and self.failure is None and not self._slots.closing:
            await self._claim_forming(min(grace, LAST_WAIT))
        for lane in self._lanes:
            lane.close("stop")
        waiting = NEVER
        while grace > 0 and 0 < len(self._slots.groups) < waiting:  # those that a slot is free for
            waiting = len(self._slots.groups)
            self._slots.rouse(self._slots.count)
            await asyncio.sleep(0)
        for held in self._live.all():
            held.stop()
        self._slots.tell_calls("shutdown")
        self._sweep()
        if self._children is not None:
            self._children.shut()
        await self._until_idle(grace)
        if self._busy():
            self._slots.cut()
            if self._children is not None:
                self._children.cut()
            await self._until_idle(LAST_WAIT)
        await asyncio.wait({asyncio.ensure_future(self._flusher.emptied())}, timeout=self._identity.lease)
        if self._children is not None:
            await self._children.end()
        self._ticking.cancel()
        await self._rememberer.close()
        self._renewal.close()
        await self._slots.close()
        await self._keeper.close()
        await self._end(self._flushing, 0)
        self._leave()
        if self._meter is not None:
            self._meter.detach(self)

    async def _claim_forming(self, longest: float) -> None:
        """Groups that form in the queue are handled now, as far as slots are free."""
        free = self._slots.count - self._slots.busy - len(self._slots.groups)
        claiming = asyncio.create_task(self._puller.claim_forming(free), name="stook last claim")
        await self._end(claiming, longest)
        if not claiming.cancelled() and (error := claiming.exception()) is not None:
            self._fail(error)

    def _leave(self) -> None:
        """Says what is left to its leases."""
        for held in self._live.all():
            if not held.left:
                logger.error("%d outcomes of %s could not be stored in time", held.unsettled, held.piece.task)
                self._live.lose(held)
        if self._live.in_flight:
            logger.error("%d executions outlived their worker; their leases run out", self._live.in_flight)

    @staticmethod
    async def _end(task: asyncio.Task[None], longest: float) -> None:
        """A call that hangs is given up: what it may have leased or settled, leases tell."""
        await asyncio.wait({task}, timeout=longest)
        task.cancel()
        await asyncio.wait({task})

    async def _until_idle(self, longest: float) -> None:
        self._idle.clear()
        if self._busy():
            try:
                await asyncio.wait_for(self._idle.wait(), longest)
            except TimeoutError:
                return

    # ----------------------------------------------------------------------------------------------------- parts

    def _make_lanes(self) -> list[Lane]:
        lanes: list[Lane] = []
        self._children = self._make_children()
        if self._lane is not None and self._children is not None:
            return [self._children]
        singles = [task for task in self._tasks.values() if task.kind in ("async", "thread")]
        for ahead in (False, True):
            names = [task.name for task in singles if task.policy.rerun_lost is ahead]
            if names:
                lanes.append(SlotLane(names, slots=self._slots, pace=Pace(self._concurrency, ahead=ahead)))
        for task in self._tasks.values():
            config = task.policy.batch
            if config is not None:
                lanes.append(GroupLane(task, config, slots=self._slots, pace=Pace(self._concurrency)))
        return lanes if self._children is None else [*lanes, self._children]

    def _make_children(self) -> Elsewhere | None:
        references = {task.name: task.reference for task in self._tasks.values() if task.reference is not None}
        if self._lane is None and not references:
            return None
        count = self._processes or os.cpu_count() or 1 if self._lane is None else self._concurrency
        names = references if self._lane is None else self._tasks
        pace = Pace(count, ahead=all(self._tasks[name].policy.rerun_lost for name in names))
        around = Surroundings(pace, self._poke, self._quiet)
        if self._lane is not None:
            return self._lane(around)
        return ProcessLane.of(references, count, around, outbox=self._outbox, failed=self._fail, logs=self._captured)

    def _poke(self) -> None:
        self._puller.poke()

    def _changed(self) -> None:
        self._puller.changed()

    def _quiet(self) -> None:
        """Nothing is left to run: no outcome gains by waiting for others."""
        if not self._busy():
            self._flusher.hurry()
            self._idle.set()

    def _busy(self) -> bool:
        return self._slots.busy > 0 or (self._children is not None and self._children.busy > 0)

    def _sweep(self) -> None:
        self._slots.sweep()
        if self._children is not None:
            self._children.sweep()

    def _renewed(self, renewed: Renewed) -> None:
        for token in renewed.lost:
            held = self._live.get(token)
            if held is not None:
                if held.left:
                    logger.warning("lost the lease of %d items of %s", held.left, held.piece.task)
                self._live.lose(held)
        for token, offsets in renewed.cancelled:
            held = self._live.get(token)
            if held is not None:
                held.cancel(offsets)
        if renewed.lost or renewed.cancelled:
            self._sweep()

    def _tick(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)
        now = perf_counter_ns()
        for held in self._live.all():
            if held.expires <= now:
                logger.warning("the lease of %d items of %s ran out", held.left, held.piece.task)
                self._live.lose(held)
        for lane in self._lanes:
            lane.hand_back()
        self._keeper.look()

    def _watched(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._slots.closing = True  # the program ends without stopping the worker: nothing new is started
        elif (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            logger.error("the worker cannot go on: %s", error)
            self.failure = error
            self._puller.stop()
            if not self._failed.done():
                self._failed.set_result(None)
