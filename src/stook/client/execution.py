"""The handle of one submitted execution."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from stook.client.result import Result
from stook.core.errors import ResultTimeout
from stook.core.ids import execution_id
from stook.core.payload import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.client.backend import Backend
    from stook.client.batch import Caller

__all__ = ["AsyncExecution", "Execution"]

T = TypeVar("T")


class SingleBackend(Protocol):
    """What waits for one item without polling, as `stook.engine.service.Engine` documents it."""

    async def wait_for_item(self, batch_id: bytes, index: int, after: int = 0) -> bytes | None: ...


class AsyncExecution(Generic[T]):
    """`created` is False if an unfinished execution with the same dedupe key answered the submission."""

    def __init__(
        self,
        backend: Backend,
        waiter: SingleBackend,
        batch_id: bytes,
        index: int,
        read: Callable[[bytes], T] = decode,
        *,
        created: bool = True,
    ) -> None:
        self._backend = backend
        self._waiter = waiter
        self._batch_id = batch_id
        self._index = index
        self._read = read
        self.created = created

    @property
    def id(self) -> str:
        return execution_id(self._batch_id, self._index)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    async def show(self) -> Result[T]:
        return Result((await self._backend.item(self._batch_id, index=self._index)).item, self._read)

    async def result(self, timeout: float | None = None) -> T:
        """What the handler returned, as soon as it has; raises as `Result.value` does, `ResultTimeout` after
        `timeout` seconds."""
        try:
            return await asyncio.wait_for(self._value(), timeout)
        except TimeoutError:
            raise ResultTimeout(f"execution {self.id} has not ended after {timeout} s") from None

    async def _value(self) -> T:
        after = 0
        while True:
            returned = await self._waiter.wait_for_item(self._batch_id, self._index, after)
            if returned is not None:
                return self._read(returned)
            view = await self._backend.item(self._batch_id, index=self._index)
            found = Result(view.item, self._read)
            if found.done:
                return found.value
            after = view.batch.settled  # it was taken up again since

    async def cancel(self) -> bool:
        """Whether it ended or will end cancelled."""
        answer = await self._backend.cancel_items(self._batch_id, [self._index])
        return not answer.passed


class Execution(Generic[T]):
    """What `task.submit` returns: `AsyncExecution`, blocking."""

    def __init__(self, inner: AsyncExecution[T], caller: Caller) -> None:
        self._async = inner
        self._caller = caller

    @property
    def id(self) -> str:
        return self._async.id

    @property
    def created(self) -> bool:
        return self._async.created

    def __repr__(self) -> str:
        return f"<Execution {self.id}>"

    def show(self) -> Result[T]:
        return self._caller.call(self._async.show())

    def result(self, timeout: float | None = None) -> T:
        """What the handler returned, as soon as it has; raises as `Result.value` does, `ResultTimeout` after
        `timeout` seconds."""
        return self._caller.call(self._async.result(timeout))

    def cancel(self) -> bool:
        """Whether it ended or will end cancelled."""
        return self._caller.call(self._async.cancel())
