"""`Task`: a function of the user's that batches are made of."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack

from stook.core.errors import PayloadTooLarge
from stook.core.payload import decode, encode
from stook.wiring.items import async_item_blocks, is_small, item_blocks
from stook.wiring.options import options_of
from stook.wiring.submission import Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from stook.client.batch import AsyncBatch, Batch
    from stook.client.execution import AsyncExecution, Execution
    from stook.core.policy import TaskPolicy
    from stook.engine.service import Block, Options
    from stook.wiring.app import App
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
    ) -> None:
        self.app = app
        self.handler = handler
        self.name = name or f"{handler.__module__}.{handler.__qualname__}"
        self.policy = policy
        self._types = {"payload": payload, "returns": returns}
        functools.update_wrapper(self, handler)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.handler(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    @functools.lru_cache(maxsize=2)  # noqa: B019 - tasks live as long as their module
    def definition(self, *, processes: bool = False) -> TaskDefinition:
        """What a worker runs; `ConfigError` if the handler's signature or annotations cannot work."""
        from stook.worker.definition import define  # noqa: PLC0415 - those who only submit load no worker

        types = {name: kind for name, kind in self._types.items() if kind is not None}
        return define(self.handler, name=self.name, policy=self.policy, processes=processes, **types)

    def map(self, items: Iterable[Any] | AsyncIterable[Any], **options: Unpack[MapOptions]) -> Batch[T]:
        """One batch, one execution per item, of any number; durable when it returns. `MapOptions` says what can be
        told. A bad item raises with its index: of a list of up to 50,000 items nothing has been written then, of longer
        or endless ones what was submitted before is cancelled."""
        from stook.client.batch import Batch  # noqa: PLC0415 - loaded with the store

        session, portal = self._session()
        submission = Submission(session.engine, self.name, self.policy, options_of(**options))
        if isinstance(items, AsyncIterable):
            batch_id = portal.call(submission.run_async(self._async_blocks(items, options)))
        else:
            batch_id = submission.run(self._blocks(items, options), portal.call)
        return Batch(session.engine, batch_id, portal, self._reader())

    async def amap(self, items: Iterable[Any] | AsyncIterable[Any], **options: Unpack[MapOptions]) -> AsyncBatch[T]:
        """`map`, for coroutines."""
        from stook.client.batch import AsyncBatch  # noqa: PLC0415 - loaded with the store
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415

        session, portal = self._session()
        submission = Submission(session.engine, self.name, self.policy, options_of(**options))
        if isinstance(items, AsyncIterable):
            found = self._async_blocks(items, options)
        else:
            found = _as_async(self._blocks(items, options))
        batch_id = await submission.run_async(found, portal.await_)
        return AsyncBatch(PortalBackend(session.engine, portal), batch_id, self._reader())

    def submit(
        self, payload: Any = None, *, dedupe_key: str | None = None, **options: Unpack[SubmitOptions]
    ) -> Execution[T]:
        """One execution, durable when it returns; submissions that arrive together share a commit. While an unfinished
        execution of the task holds `dedupe_key`, that one is returned, with `created` False."""
        from stook.client.execution import Execution  # noqa: PLC0415 - loaded with the store

        session, portal = self._session()
        submitted = portal.call(self._submit(session, payload, options_of(**options), dedupe_key, session.engine))
        return Execution(submitted, portal)

    async def asubmit(
        self, payload: Any = None, *, dedupe_key: str | None = None, **options: Unpack[SubmitOptions]
    ) -> AsyncExecution[T]:
        """`submit`, for coroutines."""
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415 - loaded with the store

        session, portal = self._session()
        backend = PortalBackend(session.engine, portal)
        return await portal.await_(self._submit(session, payload, options_of(**options), dedupe_key, backend))

    def _blocks(self, items: Iterable[Any], options: MapOptions) -> Iterable[Block]:
        found = item_blocks(
            items,
            key=options.get("key"),
            dedupe_key=options.get("dedupe_key"),
            most=self._session()[0].engine.blobs.most,
        )
        return list(found) if is_small(items) else found

    def _async_blocks(self, items: AsyncIterable[Any], options: MapOptions) -> AsyncIterator[Block]:
        most = self._session()[0].engine.blobs.most
        return async_item_blocks(items, key=options.get("key"), dedupe_key=options.get("dedupe_key"), most=most)

    def _reader(self) -> Callable[[bytes], T]:
        """From a stored result to what the handler's annotation says it returned."""
        from stook.worker.conversion import PayloadReader  # noqa: PLC0415 - loaded with the worker

        made = self.definition()
        if made.batched:
            return decode  # what one item's verdict holds is not in the annotation
        read: Callable[[bytes], T] = PayloadReader(made.parameters.returns).read
        return read

    def _session(self) -> tuple[Session, Portal]:
        return self.app._opened(), self.app._running_portal()  # noqa: SLF001 - a task is part of its app

    async def _submit(
        self, session: Session, payload: Any, options: Options, dedupe_key: str | None, backend: Any
    ) -> AsyncExecution[T]:
        from stook.client.execution import AsyncExecution  # noqa: PLC0415 - loaded with the store

        raw = encode(payload)
        most = session.engine.blobs.most
        if len(raw) > most:
            raise PayloadTooLarge(len(raw), most)
        receipt = await session.engine.submit_one(self.name, self.policy, raw, options, dedupe_key)
        batch_id, index, created = receipt
        return AsyncExecution(backend, backend, batch_id, index, self._reader(), created=created)


async def _as_async(blocks: Iterable[Block]) -> AsyncIterator[Block]:
    for block in blocks:
        yield block
