"""`App`: a name, its tasks, and a store they run on."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar, overload

from stook.config.settings import read_settings
from stook.core.errors import ConfigError
from stook.core.payload import decode
from stook.core.policy import BatchConfig, FailurePolicy, RetryPolicy, TaskPolicy
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.wiring.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from stook.client.batch import AsyncBatch, Batch
    from stook.wiring.opened import Opened
    from stook.wiring.portal import Portal
    from stook.wiring.session import Session

__all__ = ["App"]

P = ParamSpec("P")
T = TypeVar("T")


class Register(Protocol):
    """`@app.task(…)` waiting for its function."""

    @overload
    def __call__(self, handler: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, Coroutine[Any, Any, T], T]: ...

    @overload
    def __call__(self, handler: Callable[P, T], /) -> Task[P, T, T]: ...


class App:
    """Tasks are registered on it, batches submitted through it. The store is `store`, else `STOOK_URL`, else
    `stook.db` in the current folder; it is opened at the first use and closed with `close()` or at exit.

        app = App("orders")

        @app.task(max_attempts=5, timeout=10)
        async def enrich(row: dict) -> dict: ...

        with app.working(concurrency=50):
            batch = enrich.map(rows, key="order_id")
            batch.wait()
    """

    def __init__(self, name: str, *, store: str | None = None, project: str | None = None) -> None:
        if not name:
            raise ConfigError("an app needs a name")
        self.name = name
        self.tasks: dict[str, Task[..., Any, Any]] = {}
        self.store, self.project = store, project
        self._lock = threading.RLock()
        self._own: Opened | None = None
        self._inherited: list[Opened] = []
        self._lent: tuple[Session, Portal] | None = None

    @overload
    def task(self, handler: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, Coroutine[Any, Any, T], T]: ...

    @overload
    def task(self, handler: Callable[P, T], /) -> Task[P, T, T]: ...

    @overload
    def task(
        self,
        name: str | None = None,
        /,
        *,
        queue: str = ...,
        max_attempts: int = ...,
        retry: RetryPolicy | None = ...,
        max_losses: int = ...,
        timeout: float | None = ...,
        max_concurrency: int | None = ...,
        batch: BatchConfig | None = ...,
        failures: FailurePolicy | None = ...,
        cancel_grace: float = ...,
        payload: Any = ...,
        returns: Any = ...,
    ) -> Register: ...

    def task(
        self,
        name: Any = None,
        /,
        *,
        queue: str = "default",
        max_attempts: int = 3,
        retry: RetryPolicy | None = None,
        max_losses: int = 3,
        timeout: float | None = None,
        max_concurrency: int | None = None,
        batch: BatchConfig | None = None,
        failures: FailurePolicy | None = None,
        cancel_grace: float = 30.0,
        payload: Any = None,
        returns: Any = None,
    ) -> Any:
        """Registers a function as a task; it stays callable as a plain function. The name defaults to
        `module.function`; `payload` and `returns` override the annotations that values are checked against."""
        policy = TaskPolicy(
            queue=queue,
            max_attempts=max_attempts,
            retry=RetryPolicy() if retry is None else retry,
            max_losses=max_losses,
            timeout=timeout,
            max_concurrency=max_concurrency,
            batch=batch,
            failures=FailurePolicy() if failures is None else failures,
            cancel_grace=cancel_grace,
        )

        def register(handler: Callable[..., Any]) -> Task[..., Any, Any]:
            task: Task[..., Any, Any] = Task(
                self, handler, None if callable(name) else name, policy, payload=payload, returns=returns
            )
            if task.name in self.tasks:
                raise ConfigError(f"task {task.name!r} is defined twice", hint="give one of them another name")
            self.tasks[task.name] = task
            return task

        return register(name) if callable(name) else register

    @contextlib.contextmanager
    def working(
        self,
        *tasks: Task[..., Any, Any],
        concurrency: int = 10,
        processes: int | None = None,
        grace: float = 30.0,
    ) -> Iterator[None]:
        """A worker in this process, for `tasks` (all of the app's when none is named), while the context is open.

        `async def` handlers run on stook's own event loop thread, `def` handlers in threads, or in `processes` child
        processes. On leaving, running handlers may finish for `grace` seconds."""
        chosen = tasks or tuple(self.tasks.values())
        if not chosen:
            raise ConfigError(f"app {self.name!r} has no task to work on", hint="define one with @app.task")
        definitions = {one.name: one.definition(processes=processes is not None) for one in chosen}
        session, portal = self.opened()
        context = session.working(definitions, concurrency=concurrency, processes=processes, grace=grace)
        runtime = portal.call(context.__aenter__())
        with contextlib.ExitStack() as leaving:
            leaving.callback(lambda: portal.call(context.__aexit__(None, None, None)))
            own = self._own
            if own is not None:
                own.workers.append(leaving)
            try:
                yield
            finally:
                if own is not None:
                    own.workers.remove(leaving)
        if runtime.failure is not None:
            raise runtime.failure

    def batch(self, batch: str) -> Batch[Any]:
        """A handle of an existing batch, by id, name (the newest) or idempotency key. `NotFound` otherwise."""
        from stook.client.batch import Batch  # noqa: PLC0415 - loaded with the store

        session, portal = self.opened()
        view = portal.call(session.engine.find(batch))
        return Batch(session.engine, view.id, portal, self._reader(view.task))

    async def abatch(self, batch: str) -> AsyncBatch[Any]:
        """`batch`, for coroutines."""
        from stook.client.batch import AsyncBatch  # noqa: PLC0415 - loaded with the store
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415

        session, portal = self.opened()
        view = await portal.await_(session.engine.find(batch))
        return AsyncBatch(PortalBackend(session.engine, portal), view.id, self._reader(view.task))

    def limit(
        self,
        *,
        queue: str | None = None,
        task: Task[..., Any, Any] | str | None = None,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        paused: bool | None = None,
        weight: float | None = None,
    ) -> None:
        """Changes a limit of one queue, of one task, or (neither named) of the app's whole project, while things run:
        it holds from the next claim on, for every worker, and stays until it is changed again. What runs goes on.

        `max_concurrency` is executions in flight, `None` no limit. `paused`: nothing more starts, or it does again.
        `weight` is the project's share of the workers beside other projects', 1 if never set. What is not given stays.
        """
        session, portal = self.opened()
        named = task.name if isinstance(task, Task) else task
        portal.call(
            session.engine.change_limits(
                queue=queue, task=named, max_concurrency=max_concurrency, paused=paused, weight=weight
            )
        )

    async def alimit(
        self,
        *,
        queue: str | None = None,
        task: Task[..., Any, Any] | str | None = None,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        paused: bool | None = None,
        weight: float | None = None,
    ) -> None:
        """`limit`, for coroutines."""
        session, portal = self.opened()
        named = task.name if isinstance(task, Task) else task
        await portal.await_(
            session.engine.change_limits(
                queue=queue, task=named, max_concurrency=max_concurrency, paused=paused, weight=weight
            )
        )

    @contextlib.contextmanager
    def using(self, session: Session, portal: Portal) -> Iterator[None]:
        """Puts another open session in the place of the app's own, for tests and embedders. `close` leaves it open."""
        before, self._lent = self._lent, (session, portal)
        try:
            yield
        finally:
            self._lent = before

    def close(self) -> None:
        """Ends the workers of `working`, each within its grace, and closes the store. The next use opens it again."""
        own = self._own
        if own is None or own.pid != os.getpid():
            return
        if own.portal.is_here():
            raise ConfigError("an app cannot be closed by one of its own coroutines", hint="close it outside")
        own.end_workers()  # whose handlers may go on submitting
        with self._lock:
            if self._own is own:
                self._own = None
                own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def opened(self) -> tuple[Session, Portal]:
        """The open store and the thread that everything of it runs on; opened if it was not."""
        if self._lent is not None:
            return self._lent
        with self._lock:
            if self._own is None or self._own.pid != os.getpid():
                from stook.wiring.opened import open_own  # noqa: PLC0415 - `import stook` stays light

                if self._own is not None:
                    self._inherited.append(self._own)  # the parent's, in a child made by fork: not even to be freed
                self._own = open_own(read_settings(url=self.store, project=self.project))
            return self._own.session, self._own.portal

    def _reader(self, task: str) -> Callable[[bytes], Any]:
        return self.tasks[task].reader if task in self.tasks else decode
