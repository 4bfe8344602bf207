"""`App`: a name, its tasks, and a store they run on."""

from __future__ import annotations

import atexit
import contextlib
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar, overload

from stook.config.settings import read_settings
from stook.core.errors import ConfigError, NotFound
from stook.core.ids import batch_of, parse_id
from stook.core.policy import BatchConfig, FailurePolicy, RetryPolicy, TaskPolicy
from stook.wiring.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from stook.client.batch import AsyncBatch, Batch
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
        self._portal: Portal | None = None
        self._session: Session | None = None
        self._stack = contextlib.ExitStack()

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
        context = self._opened().working(definitions, concurrency=concurrency, processes=processes, grace=grace)
        portal = self._running_portal()
        portal.call(context.__aenter__())
        try:
            yield
        finally:
            portal.call(context.__aexit__(None, None, None))

    def batch(self, batch: str) -> Batch[Any]:
        """A handle of an existing batch, by id, name (the newest) or idempotency key. `NotFound` otherwise."""
        from stook.client.batch import Batch  # noqa: PLC0415 - loaded with the store

        session = self._opened()
        return Batch(session.engine, self._running_portal().call(_find(session, batch)), self._running_portal())

    async def abatch(self, batch: str) -> AsyncBatch[Any]:
        """`batch`, for coroutines."""
        from stook.client.batch import AsyncBatch  # noqa: PLC0415 - loaded with the store
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415

        session = self._opened()
        portal = self._running_portal()
        return AsyncBatch(PortalBackend(session.engine, portal), await portal.await_(_find(session, batch)))

    @contextlib.contextmanager
    def using(self, session: Session, portal: Portal) -> Iterator[None]:
        """Puts another open session in the place of the app's own, for tests and embedders."""
        before = self._session, self._portal
        self._session, self._portal = session, portal
        try:
            yield
        finally:
            self._session, self._portal = before

    def close(self) -> None:
        """Closes the store. The next use opens it again."""
        with self._lock:
            self._stack.close()
            self._session = self._portal = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running_portal(self) -> Portal:
        self._opened()
        assert self._portal is not None
        return self._portal

    def _opened(self) -> Session:
        with self._lock:
            if self._session is None:
                from stook.wiring.portal import Portal  # noqa: PLC0415 - `import stook` stays light
                from stook.wiring.session import open_session  # noqa: PLC0415

                portal = Portal()
                context = open_session(read_settings(url=self.store, project=self.project))
                try:
                    self._session = portal.call(context.__aenter__())
                except BaseException:
                    portal.close()
                    raise
                self._portal = portal
                self._stack.callback(portal.close)
                self._stack.callback(lambda: portal.call(context.__aexit__(None, None, None)))
                atexit.register(self.close)
                self._stack.callback(atexit.unregister, self.close)
            return self._session


async def _find(session: Session, text: str) -> bytes:
    try:
        return (await session.engine.show(batch_of(parse_id(text)))).id
    except NotFound:
        return (await session.engine.find(text)).id
