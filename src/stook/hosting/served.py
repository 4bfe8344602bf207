"""A deployment being served: a worker for its tasks whose lane is its replicas.

claim ──▶ lane ──▶ replica ──done, raised──▶ settled
│          └─ spent, dead, timed out, cancelled: stopped, with all that it started
└─ what it writes: its attempt's log, and the deployment's
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from stook.core.hosted import hosted_policy, hosted_task
from stook.hosting.dialects import environment_of
from stook.hosting.failures import ActionRaised, ProcessExited
from stook.hosting.lane import ReplicaLane
from stook.hosting.pool import Pool
from stook.hosting.replica import Died, Loaded, Unloadable
from stook.hosting.run_frames import RunFrames
from stook.hosting.run_log import DeploymentFeed, RunLog
from stook.hosting.shared_source import SharedSource
from stook.worker.definition import define
from stook.worker.runtime import WorkerRuntime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from stook.core.deployment import App, Deployment, Hosted
    from stook.hosting.event_keeper import EventKeeper
    from stook.hosting.output import Sink
    from stook.hosting.prepared import Prepared
    from stook.hosting.replica import Replica
    from stook.hosting.room import Room
    from stook.hosting.site import HostOptions, Site
    from stook.hosting.station import Given
    from stook.worker.definition import TaskDefinition
    from stook.worker.lanes import Surroundings

__all__ = ["Served"]

FLUSH: Final = 0.5
POLL: Final = 2.0

log = logging.getLogger("stook.hosting")


class Served:
    """`start`, then `stop`; one use. `write_log` is given an execution's id and its lines."""

    def __init__(
        self,
        hosted: Hosted,
        prepared: Prepared,
        *,
        name: str,
        site: Site,
        options: HostOptions,
        room: Room,
        events: EventKeeper,
        key: Callable[[Deployment], Awaitable[str | None]],
        write_log: Callable[[str, Sequence[str]], Awaitable[None]],
        secret: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self.deployment = hosted.deployment
        self._given = hosted.env
        self.prepared = prepared
        self._name = name
        self._site = site
        self._options = options
        self._events = events
        self._key = key
        self._secret = secret
        self._feed = DeploymentFeed(write_log)
        self._logs: set[RunLog] = set()
        self._env: dict[str, str] | None = None
        self._env_made = asyncio.Lock()
        self._leaving = contextlib.AsyncExitStack()
        self._flushing: asyncio.Task[None] | None = None
        self.pool = Pool(self._start, idle=options.idle, most_runs=options.most_runs, grace=options.grace)
        self._room = room
        self._share = room.share(self.pool)
        self.runtime: WorkerRuntime | None = None
        self._replicas: ReplicaLane | None = None

    @property
    def failure(self) -> BaseException | None:
        """Why nothing of it is claimed any more."""
        return None if self.runtime is None else self.runtime.failure

    @property
    def in_flight(self) -> int:
        """Of its executions, those for which there may be a process each."""
        lane, runtime = self._replicas, self.runtime
        if lane is not None and lane.streams:
            return lane.places
        return 0 if runtime is None else runtime.in_flight

    async def start(self) -> None:
        """Returns once its work is being claimed."""
        tasks = {task.name: task for app in self.deployment.apps for task in self._tasks(app)}
        options = self._options
        self.runtime = WorkerRuntime(
            SharedSource(self._site.new_source(), self._room, self._share, self._places_for),
            tasks,
            name=self._name,
            concurrency=options.replicas,
            lane=partial(self._lane, tasks),
            poll_interval=POLL,
            lease=options.lease,
            grace=options.grace,
            logs=self._site.logs,
            meter=self._site.meter,
        )
        self._share.holder = self
        running = self._site.running(self.runtime, self._name, tasks, grace=options.grace)
        await self._leaving.enter_async_context(running)
        self._flushing = asyncio.create_task(self._flush(), name="stook hosted logs")

    async def stop(self, grace: float) -> None:
        """What runs may end for `grace` seconds. No process of it is left on return."""
        self._share.want_no_more()
        if self.runtime is not None:
            await self.runtime.stop(grace)
        await self._leaving.aclose()
        await self.pool.close()
        self._share.leave()
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            await self._flush_once()

    async def environment(self) -> dict[str, str]:
        """Of its replicas."""
        async with self._env_made:
            if self._env is None:
                key = await self._key(self.deployment)
                self._env = environment_of(self.deployment, self._given, key=key, url=self._options.url)
            return self._env

    # --------------------------------------------------------------------------------------------------- one run

    def _tasks(self, app: App) -> list[TaskDefinition]:
        deployment = self.deployment
        return [
            replace(
                define(
                    _elsewhere,
                    name=hosted_task(deployment.id, app.name, action.name),
                    policy=hosted_policy(deployment.dialect, app.name, action),
                ),
                keeps_time=True,
            )
            for action in app.actions
        ]

    def _lane(self, tasks: Mapping[str, TaskDefinition], around: Surroundings) -> ReplicaLane:
        self._replicas = ReplicaLane(
            tuple(tasks),
            self._options.replicas,
            around,
            pool=self.pool,
            share=self._share,
            rerun=all(task.policy.rerun_lost for task in tasks.values()),
            most=self._options.result,
            grace=self._options.grace,
            frames=RunFrames(self.deployment, self._secret),
            new_log=self._new_log,
            drop_log=self._logs.discard,
            event=lambda one, event: self._events.take(one.held.assignment.execution_id(one.offset), event),
            events_kept=self._events.kept,
        )
        return self._replicas

    def _places_for(self, items: int) -> int:
        return items if self._replicas is None else self._replicas.places_for(items)

    def _new_log(self, one: Given) -> RunLog:
        made = RunLog(one.held.assignment.execution_id(one.offset), one.held.log_of(one.offset), self._feed)
        self._logs.add(made)
        return made

    async def _start(self, sink: Sink | None) -> Replica:
        await self._room.make_place()
        replica, answer = await self.prepared.start(await self.environment(), sink)
        match answer:
            case Loaded():
                return replica
            case Unloadable():
                await replica.stop()
                where = f" ({answer.where})" if answer.where else ""
                error = ActionRaised(f"the code could not be loaded: {answer.type}: {answer.message}{where}")
                error.traceback_text = answer.traceback
                raise error
            case Died(how):
                raise ProcessExited(f"the process that was to run it {how}")

    # ------------------------------------------------------------------------------------------------------ logs

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH)
            await self._flush_once()

    async def _flush_once(self) -> None:
        for one in self._logs:
            one.flush()
        try:
            await self._feed.flush()
        except Exception as error:  # noqa: BLE001 -- the runs and their own logs go on
            log.warning("lines for the log of deployment %s are lost: %s", self.deployment.id, error)


async def _elsewhere(_payload: Any) -> Any:
    """What a replica runs is not called here."""
    raise AssertionError
