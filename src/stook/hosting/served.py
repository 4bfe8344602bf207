"""A deployment being served: a worker for its tasks whose handlers borrow a replica for each run.

claim ──▶ handler ──borrow──▶ replica ──done, raised──▶ settled
│                    └─ spent, dead, timed out, cancelled: stopped, with all that it started
└─ what it writes: its attempt's log, and the deployment's
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.hosted import hosted_policy, hosted_task
from stook.hosting.dialects import environment_of, run_frame
from stook.hosting.failures import ActionRaised, ProcessExited, ResultTooLarge, raised
from stook.hosting.finishing import to_its_end
from stook.hosting.invocation import invocation_of
from stook.hosting.pool import Pool
from stook.hosting.replica import Died, Done, Loaded, Raised, Unloadable
from stook.hosting.run_log import DeploymentFeed, RunLog
from stook.hosting.shared_source import SharedSource
from stook.worker.context import Context  # noqa: TC001 -- `define` reads the annotation
from stook.worker.definition import define
from stook.worker.failures import AttemptTimeout
from stook.worker.held import Held
from stook.worker.logs.captured import CapturedLog
from stook.worker.runtime import WorkerRuntime
from stook.worker.verdicts import Fail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stook.core.deployment import App, Deployment, Hosted
    from stook.core.policy import TaskPolicy
    from stook.hosting.event_keeper import EventKeeper
    from stook.hosting.output import Sink
    from stook.hosting.prepared import Prepared
    from stook.hosting.replica import Replica
    from stook.hosting.room import Room
    from stook.hosting.site import HostOptions, Site
    from stook.worker.definition import TaskDefinition

__all__ = ["Served"]

FLUSH: Final = 0.5
TRIES: Final = 3
"""Processes that a run is given to, until one has begun it."""
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
        self._policies: dict[str, TaskPolicy] = {}

    @property
    def failure(self) -> BaseException | None:
        """Why nothing of it is claimed any more."""
        return None if self.runtime is None else self.runtime.failure

    async def start(self) -> None:
        """Returns once its work is being claimed."""
        tasks = {task.name: task for app in self.deployment.apps for task in self._tasks(app)}
        self._policies = {name: task.policy for name, task in tasks.items()}
        options = self._options
        self.runtime = WorkerRuntime(
            SharedSource(self._site.new_source(), self._room, self._share),
            tasks,
            name=self._name,
            concurrency=options.replicas,
            fetch_size=1,
            poll_interval=POLL,
            lease=options.lease,
            grace=options.grace,
            logs=self._site.logs,
            meter=self._site.meter,
        )
        self._share.holder = self.runtime
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
                    self._handle,
                    name=hosted_task(deployment.id, app.name, action.name),
                    policy=hosted_policy(deployment.dialect, app.name, action),
                    payload=msgspec.Raw,
                    returns=Any,
                ),
                keeps_time=True,
            )
            for action in app.actions
        ]

    async def _handle(self, payload: Any, ctx: Context) -> Any:
        one = invocation_of(ctx, bytes(payload))
        captured = ctx.captured_log()
        sink = RunLog(one.id, captured if isinstance(captured, CapturedLog) else None, self._feed)
        self._logs.add(sink)
        try:
            frame = run_frame(self.deployment, one)
            if self.deployment.dialect == "vellum":
                frame["context"]["secret"] = await self._secret(self.deployment.project)
            return await self._run(ctx, sink, frame, one.timeout)
        finally:
            sink.flush()
            self._logs.discard(sink)

    async def _run(self, ctx: Context, sink: RunLog, frame: dict[str, Any], timeout: float | None) -> Any:
        """`timeout` counts from when the code is loaded. A process that was killed before it began, while it rested
        perhaps, costs the run nothing."""
        policy = self._policies[ctx.task]
        outcome = await self._run_in_one(ctx, sink, frame, timeout, policy)
        for _ in range(TRIES - 1):
            if not isinstance(outcome, Died) or outcome.began:
                break
            outcome = await self._run_in_one(ctx, sink, frame, timeout, policy)
        return outcome if isinstance(outcome, AttemptTimeout) else self._judged(outcome, policy)

    async def _run_in_one(
        self, ctx: Context, sink: RunLog, frame: dict[str, Any], timeout: float | None, policy: TaskPolicy
    ) -> Done | Raised | Died | AttemptTimeout:
        execution = ctx.execution_id
        told = asyncio.ensure_future(ctx.signal.wait())
        try:
            replica = await self._borrowed(ctx, sink, told)
        except BaseException:
            told.cancel()
            raise
        began = perf_counter_ns()
        running = asyncio.ensure_future(replica.run(frame, sink, lambda event: self._events.take(execution, event)))
        try:
            try:
                async with asyncio.timeout(timeout):
                    await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
                    if not running.done() and ctx.signal.reason == "shutdown":
                        await asyncio.wait({running})
            except TimeoutError:
                if not running.done():
                    await to_its_end(self._end(replica, running, policy))
                    assert timeout is not None
                    return Held.late(perf_counter_ns() - began, round(timeout * 1e9))
            if not running.done():
                await to_its_end(self._end(replica, running, policy))
                ctx.raise_if_cancelled()
            outcome = await running
            await self._events.kept()
        except asyncio.CancelledError:  # the host goes
            await to_its_end(self._end(replica, running, policy))
            raise
        finally:
            told.cancel()
            self.pool.give_back(replica)
        return outcome

    async def _borrowed(self, ctx: Context, sink: RunLog, told: asyncio.Future[Any]) -> Replica:
        """One with its code loaded, unless the execution is cancelled before."""
        if self.pool.resting:
            return await self.pool.borrow(sink)
        borrowing = asyncio.ensure_future(self.pool.borrow(sink))
        try:
            await asyncio.wait({borrowing, told}, return_when=asyncio.FIRST_COMPLETED)
            if borrowing.done() or ctx.signal.reason == "shutdown":
                return await borrowing
        except asyncio.CancelledError:
            await to_its_end(self._given_up(borrowing))
            raise
        await to_its_end(self._given_up(borrowing))
        ctx.raise_if_cancelled()
        raise AssertionError(ctx.signal.reason)

    async def _given_up(self, borrowing: asyncio.Future[Replica]) -> None:
        borrowing.cancel()
        await asyncio.gather(borrowing, return_exceptions=True)
        if not borrowing.cancelled() and borrowing.exception() is None:
            self.pool.give_back(borrowing.result())

    async def _end(self, replica: Replica, running: asyncio.Task[Done | Raised | Died], policy: TaskPolicy) -> None:
        """What it still tells is taken while it ends."""
        await replica.stop(min(policy.cancel_grace, self._options.grace))
        with contextlib.suppress(Exception):
            await running
        await self._events.kept()

    def _judged(self, outcome: Done | Raised | Died, policy: TaskPolicy) -> Any:
        """What the handler answers: an error is returned, so that it is recorded as it is."""
        match outcome:
            case Done(output):
                size = len(output.encode())
                if size > self._options.result:
                    limit = self._options.result
                    error = ResultTooLarge(f"the result has {size} bytes of JSON, the limit is {limit}")
                    return Fail(error, retry=False)
                return msgspec.Raw(output.encode())
            case Raised():
                return raised(outcome)
            case Died(how):
                return Fail(ProcessExited(f"the process that ran it {how}"), retry=policy.rerun_lost)

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
