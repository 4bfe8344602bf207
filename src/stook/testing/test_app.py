"""An app whose orchestrator is driven step by step."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from stook.client.result import Result
from stook.core.errors import ConfigError
from stook.core.ids import batch_of, index_of, parse_id
from stook.core.payload import decode
from stook.core.states import TERMINAL
from stook.store.script.read.every_batch import every_batch
from stook.testing.harness import Harness
from stook.wiring.crew import Crew, Staff
from stook.wiring.worker_config import WorkerConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from stook.client.execution import Execution
    from stook.core.states import State
    from stook.store.script.read.item_row import ItemRow
    from stook.testing.clock import FakeClock
    from stook.wiring.app import App
    from stook.wiring.task import Task

__all__ = ["TestApp"]

T = TypeVar("T")


class TestApp(Harness):
    """The app on a new SQLite store, or the `store` given, with a clock that stands still.

        with TestApp(app) as t:
            app.sync.invoke("enrich", {"row": 1})
            t.drain("fixpoint")
            assert [one.state for one in t.executions()] == ["succeeded"]

    The app's coroutines work in it as well as their blocking twins; its own methods block, also after `async with`.
    """

    __test__ = False  # for pytest it is no class of tests

    def __init__(self, app: App, *, store: str | None = None, clock: FakeClock | None = None) -> None:
        super().__init__(app, store=store, clock=clock)

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def drain(
        self, until: Literal["idle", "fixpoint"] = "idle", *, concurrency: int = 10, timeout: float | None = None
    ) -> None:
        """Runs all that is due now and what becomes due through it, of all the app's queues; with `"fixpoint"` it then
        moves the clock to what is due next, until nothing is (but for schedules, which never end). Groups do not wait
        for more members. `TimeoutError` after `timeout` real seconds; raises what stops a worker."""
        if not self._with_crew(lambda crew: crew.drain(until, timeout), concurrency):
            raise TimeoutError(f"work was left after {timeout} s")

    def run(self, task: Task[..., Any, Any] | str, payload: Any = None, **options: Any) -> Any:
        """One execution from its submission to its end, the clock moved as far as its retries and sleeps need: what it
        returns, or raises what became of it instead. `options` are those of `submit`. What else is due runs too."""
        if isinstance(task, str):
            if task not in self.app.tasks:
                raise ConfigError(f"app {self.app.name!r} has no task {task!r}")
            task = self.app.tasks[task]
        execution = task.submit(payload, **options)

        async def ended(crew: Crew) -> ItemRow:
            while True:
                await crew.drain("idle", None)
                row = await self._row(execution)
                if row.state in TERMINAL:
                    return row
                if not await crew.reach_next():
                    raise RuntimeError(f"execution {execution.id} is {row.state.name}, and nothing is due any more")

        return Result(self._with_crew(ended), task.reader).value

    def executions(
        self,
        task: Task[..., Any, Any] | str | None = None,
        *,
        state: State | str | None = None,
        queue: str | None = None,
    ) -> list[Result[Any]]:
        """All there are and are kept, in the order they were created: of this task, in this state, of this queue."""
        session, portal = self.opened()
        named = task if isinstance(task, str) or task is None else task.name
        wanted = state if state is None or isinstance(state, str) else state.name

        async def rows() -> list[Result[Any]]:
            found: list[Result[Any]] = []
            for batch_id, name, its_queue in await session.store.read(every_batch, session.settings.project):
                if named in (None, name) and queue in (None, its_queue):
                    read = self.app.tasks[name].reader if name in self.app.tasks else decode
                    async for page in session.engine.results(batch_id):
                        found.extend(Result(row, read) for row in page)
            return found

        return [one for one in portal.call(rows()) if wanted in (None, one.state)]

    def emit(self, event: Any, payload: Any = None) -> str:
        """`app.emit`, blocking: the event's id."""
        return str(self.app.sync.emit(event, payload))

    async def _row(self, execution: Execution[Any]) -> ItemRow:
        raw = parse_id(execution.id)
        view = await self.opened()[0].engine.item(batch_of(raw), index=index_of(raw), waited=True)
        return view.item

    def _with_crew(self, act: Callable[[Crew], Awaitable[T]], concurrency: int = 10) -> T:
        """On the store's loop, with workers for all the app's queues, which have stopped when it returns."""
        session, portal = self.opened()
        by_queue: dict[str, dict[str, Any]] = {}
        for task in self.app.tasks.values():
            by_queue.setdefault(task.policy.queue, {})[task.name] = task.definition()
        if not by_queue:
            raise ConfigError(f"app {self.app.name!r} has no task to work on", hint="define one with @app.task")
        config = WorkerConfig(concurrency=concurrency)
        staffs = [Staff(None, config, tasks) for tasks in by_queue.values()]

        async def run() -> T:
            crew = Crew(session, staffs, custom=self.app.context, ended=lambda _: None, maintained=False)
            await crew.start()
            try:
                return await act(crew)
            finally:
                await crew.stop()

        return portal.call(run())
