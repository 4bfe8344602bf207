"""`Task`: a function of the user's that batches are made of."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from stook.core.errors import PayloadTooLarge
from stook.core.payload import decode, encode
from stook.engine.service import Options
from stook.wiring.items import Field, async_item_blocks, is_small, item_blocks
from stook.wiring.submission import Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from stook.client.batch import AsyncBatch, Batch
    from stook.client.execution import AsyncExecution, Execution
    from stook.core.policy import TaskPolicy
    from stook.engine.service import Block
    from stook.wiring.app import App
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

    def map(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        key: Field = None,
        dedupe_key: Field = None,
        name: str | None = None,
        idempotency_key: str | None = None,
        priority: int = 0,
        max_concurrency: int | None = None,
        run_at: int | None = None,
        delay: float | None = None,
        expires_in: float | None = None,
        deadline: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Batch[T]:
        """One batch, one execution per item, of any number; durable when it returns.

        `key` names the caller's own id of each item (a field, or a function of the item), unique within the batch.
        `dedupe_key` likewise: an item whose key an unfinished execution of this task holds is left out.
        `idempotency_key`: the same key again is the same batch, continued where its submission stopped. `run_at`
        is in microseconds since the epoch; `delay`, `expires_in` (not started by then: expired) and `deadline`
        (of the whole batch) in seconds. A bad item raises with its index; nothing of the batch has started then or will.
        """
        from stook.client.batch import Batch  # noqa: PLC0415 - loaded with the store

        options = self._options(
            name, idempotency_key, priority, max_concurrency, run_at, delay, expires_in, deadline, metadata
        )
        session, portal = self._session()
        most = session.engine.blobs.most
        submission = Submission(session.engine, self.name, self.policy, options)
        if isinstance(items, AsyncIterable):
            batch_id = portal.call(
                submission.run_async(async_item_blocks(items, key=key, dedupe_key=dedupe_key, most=most))
            )
        else:
            found = item_blocks(items, key=key, dedupe_key=dedupe_key, most=most)
            batch_id = submission.run(list(found) if is_small(items) else found, portal.call)
        return Batch(session.engine, batch_id, portal, self._reader())

    async def amap(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        key: Field = None,
        dedupe_key: Field = None,
        name: str | None = None,
        idempotency_key: str | None = None,
        priority: int = 0,
        max_concurrency: int | None = None,
        run_at: int | None = None,
        delay: float | None = None,
        expires_in: float | None = None,
        deadline: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> AsyncBatch[T]:
        """`map`, for coroutines."""
        from stook.client.batch import AsyncBatch  # noqa: PLC0415 - loaded with the store
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415

        options = self._options(
            name, idempotency_key, priority, max_concurrency, run_at, delay, expires_in, deadline, metadata
        )
        session, portal = self._session()
        most = session.engine.blobs.most
        submission = Submission(session.engine, self.name, self.policy, options)
        found: AsyncIterator[Block]
        if isinstance(items, AsyncIterable):
            found = async_item_blocks(items, key=key, dedupe_key=dedupe_key, most=most)
        else:
            made = item_blocks(items, key=key, dedupe_key=dedupe_key, most=most)
            found = _as_async(list(made) if is_small(items) else made)
        batch_id = await submission.run_async(found, portal.await_)
        return AsyncBatch(PortalBackend(session.engine, portal), batch_id, self._reader())

    def submit(
        self,
        payload: Any = None,
        *,
        dedupe_key: str | None = None,
        priority: int = 0,
        run_at: int | None = None,
        delay: float | None = None,
        expires_in: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Execution[T]:
        """One execution, durable when it returns; submissions that arrive together share a commit."""
        from stook.client.execution import Execution  # noqa: PLC0415 - loaded with the store

        options = self._options(None, None, priority, None, run_at, delay, expires_in, None, metadata)
        session, portal = self._session()
        return Execution(portal.call(self._submit(session, payload, options, dedupe_key, session.engine)), portal)

    async def asubmit(
        self,
        payload: Any = None,
        *,
        dedupe_key: str | None = None,
        priority: int = 0,
        run_at: int | None = None,
        delay: float | None = None,
        expires_in: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> AsyncExecution[T]:
        """`submit`, for coroutines."""
        from stook.wiring.remote_loop import PortalBackend  # noqa: PLC0415 - loaded with the store

        options = self._options(None, None, priority, None, run_at, delay, expires_in, None, metadata)
        session, portal = self._session()
        backend = PortalBackend(session.engine, portal)
        return await portal.await_(self._submit(session, payload, options, dedupe_key, backend))

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

    @staticmethod
    def _options(
        name: str | None,
        key: str | None,
        priority: int,
        max_concurrency: int | None,
        run_at: int | None,
        delay: float | None,
        expires_in: float | None,
        deadline: float | None,
        metadata: dict[str, Any] | None,
    ) -> Options:
        return Options(
            name=name,
            key=key,
            priority=priority,
            max_concurrency=max_concurrency,
            run_at=run_at,
            delay=delay,
            expires_in=expires_in,
            deadline=deadline,
            metadata=metadata,
        )


async def _as_async(blocks: Iterable[Block]) -> AsyncIterator[Block]:
    for block in blocks:
        yield block
