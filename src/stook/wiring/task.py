"""`Task`: a function of the user's that batches are made of."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack

from stook.client.waiting import ItemBells
from stook.core.errors import ConfigError, OptionError, PayloadTooLarge
from stook.core.payload import decode, encode
from stook.core.retention import KEEP
from stook.core.triggers import Invocable, Trigger, check_invocable
from stook.engine.names import check_name
from stook.wiring.invoke_options import BlockingTask
from stook.wiring.items import async_item_blocks, item_blocks
from stook.wiring.options import MAP_OPTIONS, SUBMIT_OPTIONS, check_options, options_of
from stook.wiring.submission import Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from stook.client.batch import AsyncBatch, Batch
    from stook.client.execution import AsyncExecution, Execution
    from stook.core.policy import TaskPolicy
    from stook.core.task_terms import TaskTerms
    from stook.engine.service import Block
    from stook.wiring.app import App
    from stook.wiring.invocation import Invocation, Invocations
    from stook.wiring.invoke_options import InvokeManyOptions, InvokeOptions
    from stook.wiring.options import MapOptions, SubmitOptions
    from stook.wiring.portal import Portal
    from stook.wiring.session import Session
    from stook.worker.definition import TaskDefinition

__all__ = ["Task"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Task(Generic[P, R, T]):
    """Still callable as the function it was made from (which returns R: T, or a coroutine of it)."""

    def __init__(
        self,
        app: App,
        handler: Callable[P, R],
        name: str | None,
        policy: TaskPolicy,
        *,
        payload: Any = None,
        returns: Any = None,
        triggers: tuple[Trigger, ...] = (Invocable(),),
        terms: TaskTerms | None = None,
        strict_steps: bool = False,
    ) -> None:
        if not callable(handler):
            raise ConfigError(f"{handler!r} is not a function", hint="give a def or an async def")
        self.app = app
        self.triggers = triggers
        self.terms = terms
        self.strict_steps = strict_steps
        self.handler = handler
        self.name = _name_of(handler) if name is None else name
        self.policy = policy
        self._types = {"payload": payload, "returns": returns}
        self._definitions: dict[bool, TaskDefinition] = {}
        try:
            check_name("the name of a task", self.name)
        except OptionError as error:
            raise ConfigError(error.message, hint=error.hint) from None
        functools.update_wrapper(self, handler, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.handler(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def definition(self, *, processes: bool = False) -> TaskDefinition:
        """What a worker runs; `ConfigError` if the handler's signature or annotations cannot work."""
        if processes not in self._definitions:
            from stook.worker.definition import define  # noqa: PLC0415 - `import stook` stays light

            types = {name: kind for name, kind in self._types.items() if kind is not None}
            made = define(
                self.handler,
                name=self.name,
                policy=self.policy,
                processes=processes,
                strict_steps=self.strict_steps,
                **types,
            )
            self._definitions[processes] = replace(made, triggers=self.triggers, home=self.app.home)
        return self._definitions[processes]

    @functools.cached_property
    def reader(self) -> Callable[[bytes], T]:
        """From a stored result to what the handler's annotation says it returned."""
        from stook.worker.conversion import PayloadReader  # noqa: PLC0415 - loaded with the worker

        made = self.definition()
        if made.batched:
            return decode  # what one item's verdict holds is not in the annotation
        read: Callable[[bytes], T] = PayloadReader(made.parameters.returns).read
        return read

    def map(self, items: Iterable[Any] | AsyncIterable[Any], **options: Unpack[MapOptions]) -> Batch[T]:
        """One batch, one execution per item, of any number; durable when it returns. `MapOptions` says what can be
        told. A bad item raises with its index: of a list (or another sequence or set) of up to 50,000 items nothing has
        been written then, of longer or endless ones what was submitted before is cancelled."""
        from stook.client.batch import Batch  # noqa: PLC0415 - loaded with the store

        session, portal, submission = self._submission(options)
        if isinstance(items, AsyncIterable):
            batch_id = portal.call(submission.run_async(self._async_blocks(session, items, options)))
        else:
            batch_id = submission.run(self._blocks(session, items, options), portal.call)
        return Batch(session.engine, batch_id, portal, self.reader)

    async def amap(self, items: Iterable[Any] | AsyncIterable[Any], **options: Unpack[MapOptions]) -> AsyncBatch[T]:
        """`map`, for coroutines."""
        from stook.client.batch import AsyncBatch  # noqa: PLC0415 - loaded with the store
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415

        session, portal, submission = self._submission(options)
        found: Iterable[Block] | AsyncIterator[Block]
        if isinstance(items, AsyncIterable):
            found = self._async_blocks(session, items, options)
        else:
            found = self._blocks(session, items, options)
        batch_id = await submission.run_async(found, portal.await_)
        return AsyncBatch(PortalBackend(session.engine, portal), batch_id, self.reader)

    def submit(
        self, payload: Any = None, *, dedupe_key: str | None = None, **options: Unpack[SubmitOptions]
    ) -> Execution[T]:
        """One execution, durable when it returns; submissions that arrive together share a commit. While an unfinished
        execution of the task holds `dedupe_key`, that one is returned, with `created` False."""
        from stook.client.execution import Execution  # noqa: PLC0415 - loaded with the store

        session, portal = self.app.opened()
        submitted = portal.call(self._submit(session, payload, dedupe_key, options, session.engine))
        return Execution(submitted, portal)

    async def asubmit(
        self, payload: Any = None, *, dedupe_key: str | None = None, **options: Unpack[SubmitOptions]
    ) -> AsyncExecution[T]:
        """`submit`, for coroutines."""
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415 - loaded with the store

        session, portal = self.app.opened()
        backend = PortalBackend(session.engine, portal)
        return await portal.await_(self._submit(session, payload, dedupe_key, options, backend))

    async def invoke(self, payload: Any = None, **options: Unpack[InvokeOptions]) -> Invocation[T]:
        """`App.invoke` of this task."""
        found: Invocation[T] = await self.app.invoke(self, payload, **options)
        return found

    async def invoke_many(
        self, items: Iterable[Any] | AsyncIterable[Any], **options: Unpack[InvokeManyOptions]
    ) -> Invocations[T]:
        """`App.invoke_many` of this task."""
        found: Invocations[T] = await self.app.invoke_many(self, items, **options)
        return found

    @property
    def sync(self) -> BlockingTask[T]:
        """`invoke` and `invoke_many`, blocking."""
        return BlockingTask(self)

    def _submission(self, options: MapOptions) -> tuple[Session, Portal, Submission]:
        check_options(options, MAP_OPTIONS)
        check_invocable(self.name, self.triggers)
        chosen = options_of(**options)
        _ = self.reader  # a handler that cannot work is found before anything is written
        session, portal = self.app.opened()
        return session, portal, Submission(session.engine, self.name, self.policy, chosen)

    @staticmethod
    def _blocks(session: Session, items: Iterable[Any], options: MapOptions) -> Iterable[Block]:
        key, dedupe_key, tag = options.get("key"), options.get("dedupe_key"), options.get("tag")
        return item_blocks(items, key=key, dedupe_key=dedupe_key, tag=tag, most=session.engine.blobs.most)

    @staticmethod
    def _async_blocks(session: Session, items: AsyncIterable[Any], options: MapOptions) -> AsyncIterator[Block]:
        key, dedupe_key, tag = options.get("key"), options.get("dedupe_key"), options.get("tag")
        return async_item_blocks(items, key=key, dedupe_key=dedupe_key, tag=tag, most=session.engine.blobs.most)

    async def _submit(
        self, session: Session, payload: Any, dedupe_key: str | None, options: SubmitOptions, backend: Any
    ) -> AsyncExecution[T]:
        from stook.client.execution import AsyncExecution  # noqa: PLC0415 - loaded with the store

        check_options(options, SUBMIT_OPTIONS)
        check_invocable(self.name, self.triggers)
        chosen, read = options_of(**options), self.reader
        raw = encode(payload)
        most = session.engine.blobs.most
        if len(raw) > most:
            raise PayloadTooLarge(len(raw), most)
        batch_id, index, created = await session.engine.submit_one(self.name, self.policy, raw, chosen, dedupe_key)
        waiter = ItemBells(backend, prunes=self.policy.retention != KEEP)
        return AsyncExecution(backend, waiter, batch_id, index, read, created=created)


def _name_of(handler: Callable[..., Any]) -> str:
    name = getattr(handler, "__qualname__", None)
    if name is None:
        raise ConfigError(f"{handler!r} has no name of its own", hint='name the task: app.task("name")(…)')
    return f"{handler.__module__}.{name}"
