"""The workers of one orchestrator, all on the loop of their store."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from stook.config.settings import log_limits
from stook.engine import process
from stook.engine.maintenance import sweep_once
from stook.engine.upkeep import daily
from stook.store.script.next_run import next_run
from stook.telemetry.tracing import Tracing
from stook.wiring.custom_context import entered
from stook.wiring.registration import registered
from stook.worker.flusher import SOON
from stook.worker.runtime import WorkerRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stook.engine.source import LocalSource
    from stook.wiring.custom_context import CustomContext
    from stook.wiring.session import Session
    from stook.wiring.worker_config import WorkerConfig
    from stook.worker.definition import TaskDefinition
    from stook.worker.meter import Meter

__all__ = ["Crew", "Staff", "Until"]

Until = Literal["idle", "fixpoint"]
LOOK: Final = 0.5
"""Seconds between two looks whether something has become due that nobody rang for."""


class Staff(NamedTuple):
    """One worker that is to be."""

    name: str | None
    config: WorkerConfig
    tasks: Mapping[str, TaskDefinition]


class Crew:
    """`start`, then `drain` or wait, then `stop`; one use. `ended` is called when it has stopped, with what made it
    stop by itself, if it did. `maintained=False`: nothing happens but in `drain`."""

    def __init__(
        self,
        session: Session,
        staffs: Sequence[Staff],
        *,
        custom: CustomContext,
        ended: Callable[[BaseException | None], None],
        meter: Meter | None = None,
        maintained: bool = True,
    ) -> None:
        self._session = session
        self._staffs = staffs
        self._custom = custom
        self._ended = ended
        self._meter = meter
        self._maintained = maintained
        self._leaving = contextlib.AsyncExitStack()
        self._stopped: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._sources: list[LocalSource] = []
        self.workers: list[WorkerRuntime] = []

    async def start(self) -> None:
        """Returns once the tasks are registered and work is being claimed; leaves nothing behind if it cannot."""
        self._session.counted_by(self._meter)
        async with contextlib.AsyncExitStack() as leaving:
            tasks = {name: task for staff in self._staffs for name, task in staff.tasks.items()}
            if self._maintained:
                paces = self._session.maintenance.paces
                for pace in [(one.config.sweep_limit, one.config.seconds("poll_interval")) for one in self._staffs]:
                    paces.append(pace)
                    leaving.callback(paces.remove, pace)
                queues = {task.policy.queue for task in tasks.values()}
                await leaving.enter_async_context(self._session.maintained(queues))
            await leaving.enter_async_context(registered(self._session, f"crew-{secrets.token_hex(8)}", tasks))
            values = await entered(self._custom, leaving)
            for staff in self._staffs:
                runtime = self._new_worker(staff, values)
                running = self._session.running(runtime, runtime.name, staff.tasks, grace=staff.config.seconds("grace"))
                await leaving.enter_async_context(running)
                self.workers.append(runtime)
            self._leaving = leaving.pop_all()
        self._watching = asyncio.create_task(self._watch(), name="stook-crew")

    async def stop(self, grace: float | None = None) -> None:
        """Every worker at once, each within `grace` seconds, or its own. Twice waits for the same stop."""
        if self._stopped is None:
            self._stopped = asyncio.create_task(self._stop(grace), name="stook-crew-stop")
        await asyncio.shield(self._stopped)

    async def drain(self, until: Until, timeout: float | None) -> bool:
        """False: `timeout` seconds were not enough. Raises what stopped a worker."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle()
                while until == "fixpoint" and await self.reach_next():
                    await self._idle()
        except TimeoutError:
            return False
        return True

    # ------------------------------------------------------------------------------------------------------ parts

    def _new_worker(self, staff: Staff, values: Mapping[str, Any]) -> WorkerRuntime:
        config, settings = staff.config, self._session.settings
        self._sources.append(self._session.new_source())
        return WorkerRuntime(
            self._sources[-1],
            staff.tasks,
            name=staff.name or f"{process.process().split(':')[0]}-{secrets.token_hex(4)}",
            concurrency=config.concurrency,
            processes=config.processes,
            fetch_size=config.fetch_size,
            flush_interval=min(SOON, config.seconds("flush_interval")),
            flush_size=config.flush_size,
            poll_interval=config.seconds("poll_interval"),
            lease=settings.lease_seconds if config.lease is None else config.seconds("lease"),
            grace=config.seconds("grace"),
            logs=log_limits(settings),
            meter=self._meter,
            spans=Tracing(),
            outside=self._session.outside,
            custom=values,
        )

    async def _watch(self) -> None:
        """Stops all if one cannot go on."""
        failed = {asyncio.ensure_future(worker.failed()) for worker in self.workers}
        try:
            await asyncio.wait(failed, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in failed:
                one.cancel()
        self._failure = next(one.failure for one in self.workers if one.failure is not None)
        await self.stop()

    async def _stop(self, grace: float | None) -> None:
        if self._watching is not None and self._failure is None:
            self._watching.cancel()
        try:
            await asyncio.gather(*(worker.stop(grace) for worker in self.workers))
            await self._leaving.aclose()
        finally:
            self._ended(self._failure)

    async def _idle(self) -> None:
        """Work of one queue may make work for another: until a round has brought nothing to any."""
        store = self._session.store
        while True:
            before = [worker.taken for worker in self.workers]
            for source in self._sources:
                source.announced = None
            changed = await sweep_once(store)
            await asyncio.gather(*(worker.drain() for worker in self.workers))
            changed += await sweep_once(store)
            if not changed and [worker.taken for worker in self.workers] == before:
                break
        queues = {task.policy.queue for staff in self._staffs for task in staff.tasks.values()}
        await daily(store, self._session.engine.blobs, queues)

    async def reach_next(self) -> bool:
        """After `drain`: waits for the next that is due, or moves a clock that stands still. False: nothing will be."""
        store = self._session.store
        tasks = [name for staff in self._staffs for name in staff.tasks]
        due = [await store.read(next_run, tasks), *(source.announced for source in self._sources)]
        due_in = min((one for one in due if one is not None), default=None)
        if due_in is None:
            return False
        move = getattr(self._session.clock, "advance", None)
        if move is not None:
            move(max(due_in, 0) / 1_000_000)
        elif due_in > 0:
            await store.wait(("timer",), min(LOOK, due_in / 1_000_000))
        return True
