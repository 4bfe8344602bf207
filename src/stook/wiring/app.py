"""`App`: a name, its tasks, and a store they run on."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from stook.core.errors import ConfigError
from stook.core.payload import decode
from stook.core.policy import BatchConfig, ConcurrencyLimit, FailurePolicy, RateLimit, RetryPolicy, TaskPolicy
from stook.core.retention import KEEP, Retention
from stook.core.task_terms import change_of, terms_of
from stook.core.triggers import Trigger, triggers_of
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.wiring.app_logger import check_logger, hear_stook, hear_task
from stook.wiring.blocking import Blocking
from stook.wiring.definitions import EventDef, TaskDef, definitions_of, events_of, queue_of
from stook.wiring.invoking import Invoking
from stook.wiring.operating import CustomContext, Operating
from stook.wiring.scheduling import Scheduling
from stook.wiring.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from stook.client.batch import AsyncBatch, Batch
    from stook.core.window import Window

__all__ = ["App"]

P = ParamSpec("P")
T = TypeVar("T")


class Register(Protocol):
    """`@app.task(…)` waiting for its function."""

    @overload
    def __call__(self, handler: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, Coroutine[Any, Any, T], T]: ...

    @overload
    def __call__(self, handler: Callable[P, T], /) -> Task[P, T, T]: ...


class App(Invoking, Scheduling, Operating):
    """Tasks are registered on it, batches submitted through it. The store is `store`, else `STOOK_URL`, else
    `stook.db` in the current folder; it is opened at the first use and closed with `close()` or at exit.

        app = App("orders")

        @app.task(max_attempts=5, timeout=10)
        async def enrich(row: dict) -> dict: ...

        with app.working(concurrency=50):
            batch = enrich.map(rows, key="order_id")
            batch.wait()
    """

    def __init__(
        self,
        name: str,
        *,
        store: str | None = None,
        project: str | None = None,
        api_key: str | None = None,
        pool: Any = None,
        tasks: Sequence[TaskDef] = (),
        events: Sequence[EventDef] = (),
        context: CustomContext | None = None,
        logger: Any = None,
        clock: Callable[[], int] | None = None,
        strict_steps: bool = False,
    ) -> None:
        """`api_key` goes with a store that is a server's `http(s)://…`. `pool` is asyncpg's or psycopg's, or an engine
        of SQLAlchemy: instead of `store` it says where, and stays the caller's. `tasks` and `events` are catalogue
        entries this program invokes or emits without running them. `context` are values that every handler's context
        has as attributes, or a factory of an async context manager of them, entered while workers run. `strict_steps`:
        a step's name used twice is an error.
        `logger` is a `logging.Logger`, or anything with debug, info, warning and error: what handlers say with
        `ctx.logger` goes there, and what stook warns of. `clock` gives microseconds since the epoch in the place of the
        database's clock, for tests."""
        super().__init__(name, store=store, project=project, api_key=api_key, pool=pool, clock=clock)
        self.definitions = definitions_of(tasks)
        self.events = events_of(events)
        self.context: CustomContext = {} if context is None else context
        if not isinstance(self.context, Mapping) and not callable(self.context):
            raise ConfigError(f"context={context!r} is no mapping", hint="nor a factory of a context manager of one")
        if not isinstance(strict_steps, bool):
            raise ConfigError(f"strict_steps={strict_steps!r} is neither True nor False")
        self.logger = logger
        if logger is not None:
            check_logger(logger)
            hear_stook(self, logger)
        self.strict_steps = strict_steps

    @cached_property
    def sync(self) -> Blocking:
        """The coroutines of this app, blocking: `app.sync.invoke(…)`."""
        return Blocking(self)

    @overload
    def task(self, handler: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, Coroutine[Any, Any, T], T]: ...

    @overload
    def task(self, handler: Callable[P, T], /) -> Task[P, T, T]: ...

    @overload
    def task(
        self,
        name: str | TaskDef | None = None,
        /,
        *,
        queue: str | None = ...,
        max_attempts: int = ...,
        retry: RetryPolicy | None = ...,
        max_losses: int = ...,
        rerun_lost: bool = ...,
        timeout: float | None = ...,
        max_concurrency: int | None = ...,
        batch: BatchConfig | None = ...,
        failures: FailurePolicy | None = ...,
        cancel_grace: float = ...,
        payload: Any = ...,
        returns: Any = ...,
        triggers: Trigger | Sequence[Trigger] | None = ...,
        concurrency: int | ConcurrencyLimit | Sequence[ConcurrencyLimit] | None = ...,
        rate_limit: RateLimit | Sequence[RateLimit] | None = ...,
        window: Window | tuple[str, str] | None = ...,
        retention: Retention = ...,
        strict_steps: bool | None = ...,
    ) -> Register: ...

    def task(
        self,
        name: Any = None,
        /,
        *,
        queue: str | None = None,
        max_attempts: int = 3,
        retry: RetryPolicy | None = None,
        max_losses: int = 3,
        rerun_lost: bool = True,
        timeout: float | None = None,
        max_concurrency: int | None = None,
        batch: BatchConfig | None = None,
        failures: FailurePolicy | None = None,
        cancel_grace: float = 30.0,
        payload: Any = None,
        returns: Any = None,
        triggers: Trigger | Sequence[Trigger] | None = None,
        concurrency: int | ConcurrencyLimit | Sequence[ConcurrencyLimit] | None = None,
        rate_limit: RateLimit | Sequence[RateLimit] | None = None,
        window: Window | tuple[str, str] | None = None,
        retention: Retention = KEEP,
        strict_steps: bool | None = None,
    ) -> Any:
        """Registers a function as a task; it stays callable as a plain function. The name defaults to
        `module.function`; a `TaskDef` gives name, queue and types. `payload` and `returns` override the annotations
        that values are checked against. `concurrency` is executions in flight over all workers, one limit or several;
        `rate_limit` how many may start in a time; `window` the hours in which they may; `triggers` what starts it, by
        default being invoked. With `rerun_lost` False what has lost its worker has failed, and is never begun twice.
        `strict_steps` as for the app."""
        defined = name if isinstance(name, TaskDef) else self.definitions.get(name) if isinstance(name, str) else None
        if strict_steps is not None and not isinstance(strict_steps, bool):
            raise ConfigError(f"strict_steps={strict_steps!r} is neither True nor False")
        terms = terms_of(
            max_concurrency=max_concurrency, concurrency=concurrency, rate_limit=rate_limit, window=window, batch=batch
        )
        policy = TaskPolicy(
            queue=queue_of(queue, defined),
            max_attempts=max_attempts,
            retry=RetryPolicy() if retry is None else retry,
            max_losses=max_losses,
            rerun_lost=rerun_lost,
            timeout=timeout,
            max_concurrency=terms.max_concurrency,
            batch=terms.batch,
            failures=FailurePolicy() if failures is None else failures,
            cancel_grace=cancel_grace,
            limits=terms.limits,
            rates=terms.rates,
            window=terms.window,
            retention=retention,
        )
        started_by = triggers_of(triggers)

        def register(handler: Callable[..., Any]) -> Task[..., Any, Any]:
            task: Task[..., Any, Any] = Task(
                self,
                handler,
                defined.name if defined is not None else None if callable(name) else name,
                policy,
                payload=defined.payload if payload is None and defined is not None else payload,
                returns=defined.returns if returns is None and defined is not None else returns,
                triggers=started_by,
                terms=terms,
                strict_steps=self.strict_steps if strict_steps is None else strict_steps,
            )
            if task.name in self.tasks:
                raise ConfigError(f"task {task.name!r} is defined twice", hint="give one of them another name")
            self.tasks[task.name] = task
            if self.logger is not None:
                hear_task(self, self.logger, task.name)
            return task

        return register(name) if callable(name) else register

    def create_task(
        self,
        name: str | TaskDef,
        triggers: Trigger | Sequence[Trigger] | None,
        handler: Callable[..., Any],
        **options: Any,
    ) -> Task[..., Any, Any]:
        """`task(name, triggers=triggers, **options)(handler)`, as a call."""
        made: Task[..., Any, Any] = self.task(name, triggers=triggers, **options)(handler)
        return made

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
        context = session.working(
            definitions, concurrency=concurrency, processes=processes, grace=grace, custom=self.context
        )
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
        concurrency: ConcurrencyLimit | Sequence[ConcurrencyLimit] | Unchanged | None = UNCHANGED,
        rate_limit: RateLimit | Sequence[RateLimit] | Unchanged | None = UNCHANGED,
        window: Window | tuple[str, str] | Unchanged | None = UNCHANGED,
    ) -> None:
        """Changes a limit of one queue, of one task, or (neither named) of the app's whole project, while things run:
        it holds from the next claim on, for every worker, and stays until it is changed again. What runs goes on.

        `max_concurrency` is executions in flight, `None` no limit. `paused`: nothing more starts, or it does again.
        `weight` is the project's share of the workers beside other projects', 1 if never set. What is not given stays.
        `concurrency` (limits with a key, or of groups), `rate_limit` and `window` are a task's, as `App.task` takes
        them, None for none; they hold until the task's definition is another.
        """
        session, portal = self.opened()
        named = task.name if isinstance(task, Task) else task
        terms = change_of(concurrency=concurrency, rate_limit=rate_limit, window=window)
        portal.call(
            session.engine.change_limits(
                queue=queue, task=named, max_concurrency=max_concurrency, paused=paused, weight=weight, terms=terms
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
        concurrency: ConcurrencyLimit | Sequence[ConcurrencyLimit] | Unchanged | None = UNCHANGED,
        rate_limit: RateLimit | Sequence[RateLimit] | Unchanged | None = UNCHANGED,
        window: Window | tuple[str, str] | Unchanged | None = UNCHANGED,
    ) -> None:
        """`limit`, for coroutines."""
        session, portal = self.opened()
        named = task.name if isinstance(task, Task) else task
        terms = change_of(concurrency=concurrency, rate_limit=rate_limit, window=window)
        await portal.await_(
            session.engine.change_limits(
                queue=queue, task=named, max_concurrency=max_concurrency, paused=paused, weight=weight, terms=terms
            )
        )

    def _reader(self, task: str) -> Callable[[bytes], Any]:
        return self.tasks[task].reader if task in self.tasks else decode
