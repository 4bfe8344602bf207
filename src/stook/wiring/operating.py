"""Running tasks: workers, and the orchestrator of those of a process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from stook.config.settings import read_settings
from stook.core.errors import ConfigError, OptionError
from stook.wiring.custom_context import CustomContext
from stook.wiring.opening import Opening
from stook.wiring.worker_config import Worker, WorkerConfig

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from types import TracebackType

    from stook.wiring.crew import Staff
    from stook.wiring.orchestrator import Orchestrator
    from stook.wiring.task import Task
    from stook.wiring.worker_config import Duration
    from stook.worker.meter import Meter

__all__ = ["BlockingOperating", "CustomContext", "Operating"]


class Operating(Opening):
    """Coroutines of `App`."""

    context: CustomContext

    def worker(
        self,
        queue: str = "default",
        *,
        tasks: Sequence[Task[..., Any, Any]] | None = None,
        concurrency: int = 10,
        fetch_size: int = 10,
        poll_interval: Duration = 1.0,
        flush_interval: Duration = 2.0,
        flush_size: int = 100,
        lease: Duration | None = None,
        grace: Duration = 30.0,
        sweep_limit: int = 100,
        processes: int | None = None,
        name: str | None = None,
    ) -> Worker:
        """A worker of one queue, to be given to `orchestrator`: for `tasks`, all of them of this queue, or for all of
        the app's that are. `WorkerConfig` says what the numbers mean."""
        config = WorkerConfig(
            concurrency=concurrency,
            processes=processes,
            fetch_size=fetch_size,
            poll_interval=poll_interval,
            flush_interval=flush_interval,
            flush_size=flush_size,
            lease=lease,
            grace=grace,
            sweep_limit=sweep_limit,
        )
        return Worker(queue, None if tasks is None else _several("tasks", tasks), config, name)

    def orchestrator(
        self,
        tasks: Sequence[Task[..., Any, Any]] | None = None,
        workers: Sequence[Worker] = (),
        default_worker: WorkerConfig | None = None,
        *,
        meter: Meter | None = None,
    ) -> Orchestrator:
        """Runs workers in this process: those given, and one of the queue "default" for `tasks`. With neither, one for
        each queue that tasks of the app have. `default_worker` is how those work that are not given."""
        from stook.wiring.orchestrator import Orchestrator  # noqa: PLC0415 - `import stook` stays light

        config = WorkerConfig() if default_worker is None else default_worker
        if not isinstance(config, WorkerConfig):
            raise ConfigError(f"default_worker={config!r} is no WorkerConfig")
        chosen: list[Worker] = [*_several("workers", workers)]
        for one in chosen:
            if not isinstance(one, Worker):
                raise ConfigError(f"workers: {one!r} is none", hint="app.worker(…) makes one")
        if tasks is not None:
            chosen.append(Worker("default", _several("tasks", tasks), config))
        _check_distinct(chosen)
        return Orchestrator(self, lambda: self._staffs(chosen or self._for_each_queue(config)), meter=meter)

    async def run(self) -> None:
        """`orchestrator().run()`: works for all tasks of the app until it is asked to stop; closes what it opened."""
        opened = self._own is None and self._lent is None
        try:
            await self.orchestrator().run()
        finally:
            if opened:
                await self.aclose()

    async def ensure_installed(self) -> None:
        """Brings the store's schema up to date, as opening it does."""
        self.opened()

    async def maintain(self, queue: str | None = None) -> int:
        """Does now what is else done once a day: of this queue, or of all. Removes what is past its time and what
        nobody needs any more, and takes lapsed leases back; returns how much that was. Everything in the store is
        looked at, whatever the queue: it is the queue's day that counts as done."""
        from stook.engine.upkeep import upkeep  # noqa: PLC0415 - loaded with the store

        given: object = queue
        if given is not None and (not isinstance(given, str) or not given):
            raise OptionError(f"queue={queue!r} is no name of a queue", hint="leave it out for all of them")
        session, portal = self.opened()
        queues = {task.policy.queue for task in self.tasks.values()} if queue is None else {queue}
        return await portal.await_(upkeep(session.store, session.engine.blobs, queues))

    async def aclose(self) -> None:
        """`close`, for coroutines."""
        await asyncio.to_thread(self.close)

    async def __aenter__(self) -> Self:
        self.opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """Of the store that is used next."""
        return self._lent[0].settings.url if self._lent is not None else read_settings(url=self.store).url

    def _for_each_queue(self, config: WorkerConfig) -> list[Worker]:
        queues = sorted({task.policy.queue for task in self.tasks.values()})
        if not queues:
            raise ConfigError(f"app {self.name!r} has no task to work on", hint="define one with @app.task")
        return [Worker(queue, None, config) for queue in queues]

    def _staffs(self, workers: Sequence[Worker]) -> list[Staff]:
        from stook.wiring.crew import Staff  # noqa: PLC0415 - loaded with the runtime

        made = []
        for worker in workers:
            tasks = worker.tasks
            if tasks is None:
                tasks = tuple(task for task in self.tasks.values() if task.policy.queue == worker.queue)
            if not tasks:
                raise ConfigError(f"the worker of queue {worker.queue!r} has no task", hint="define one with @app.task")
            processes = worker.config.processes is not None
            made.append(
                Staff(worker.name, worker.config, {task.name: task.definition(processes=processes) for task in tasks})
            )
        return made


class BlockingOperating:
    """The same, of `App.sync`."""

    def __init__(self, app: Operating) -> None:
        self._operating = app

    def run(self) -> None:
        """As `App.run`; signals stop it where this is the main thread."""
        _run(self._operating.run())

    def ensure_installed(self) -> None:
        """As `App.ensure_installed`."""
        self._operating.opened()

    def maintain(self, queue: str | None = None) -> int:
        """As `App.maintain`."""
        return int(_run(self._operating.maintain(queue)))


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    from stook.wiring.loop import run  # noqa: PLC0415 - loaded with the store

    return run(coroutine)


def _several(option: str, given: Any) -> tuple[Any, ...]:
    try:
        return tuple(given)
    except TypeError:
        raise ConfigError(f"{option}={given!r} is no list") from None


def _check_distinct(workers: Sequence[Worker]) -> None:
    queues: set[str] = set()
    names: set[str] = set()
    for worker in workers:
        if worker.queue in queues or worker.name in names:
            raise ConfigError(
                "Duplicate worker name",
                where=f"queue {worker.queue!r}",
                hint="a process has one worker per queue: give it all tasks and a higher concurrency",
            )
        queues.add(worker.queue)
        if worker.name is not None:
            names.add(worker.name)
