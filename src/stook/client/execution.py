"""The handle of one submitted execution."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from stook.client.result import Result
from stook.core.errors import ResultTimeout
from stook.core.ids import execution_id

if TYPE_CHECKING:
    from stook.client.backend import Backend
    from stook.client.batch import Caller

__all__ = ["AsyncExecution", "Execution"]


class SingleBackend(Protocol):
    """What waits for one item without polling."""

    async def wait_for_item(self, batch_id: bytes, index: int) -> None: ...


class AsyncExecution:
    """`created` is False if an unfinished execution with the same dedupe key answered the submission."""

    def __init__(
        self, backend: Backend, waiter: SingleBackend, batch_id: bytes, index: int, *, created: bool = True
    ) -> None:
        self._backend = backend
        self._waiter = waiter
        self._batch_id = batch_id
        self._index = index
        self.created = created

    @property
    def id(self) -> str:
        return execution_id(self._batch_id, self._index)

    async def show(self) -> Result:
        return Result((await self._backend.item(self._batch_id, index=self._index)).item)

    async def result(self, timeout: float | None = None) -> Any:
        """What the handler returned, as soon as it has; raises as `Result.value` does, `ResultTimeout` after
        `timeout` seconds."""
        try:
            await asyncio.wait_for(self._waiter.wait_for_item(self._batch_id, self._index), timeout)
        except TimeoutError:
            raise ResultTimeout(f"execution {self.id} has not ended after {timeout} s") from None
        return (await self.show()).value

    async def cancel(self) -> bool:
        """Whether it ended or will end cancelled."""
        answer = await self._backend.cancel_items(self._batch_id, [self._index])
        return not answer.passed


class Execution:
    """What `task.submit` returns: `AsyncExecution`, blocking."""

    def __init__(self, inner: AsyncExecution, caller: Caller) -> None:
        self._async = inner
        self._caller = caller

    @property
    def id(self) -> str:
        return self._async.id

    @property
    def created(self) -> bool:
        return self._async.created

    def show(self) -> Result:
        return self._caller.call(self._async.show())

    def result(self, timeout: float | None = None) -> Any:
        """What the handler returned, as soon as it has; raises as `Result.value` does, `ResultTimeout` after
        `timeout` seconds."""
        return self._caller.call(self._async.result(timeout))

    def cancel(self) -> bool:
        """Whether it ended or will end cancelled."""
        return self._caller.call(self._async.cancel())
