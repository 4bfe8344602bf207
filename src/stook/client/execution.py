"""The handle of one submitted execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from stook.client.changing import edit, skip
from stook.client.log_pages import all_logs
from stook.client.result import Result
from stook.core.errors import ResultTimeout
from stook.core.ids import execution_id
from stook.core.payload import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.client.backend import Backend
    from stook.client.batch import Caller
    from stook.client.waiting import WaitsForItem
    from stook.store.script.read.item_row import ItemRow
    from stook.store.script.read.logs import LogEntry

__all__ = ["AsyncExecution", "Execution"]

T = TypeVar("T")


class AsyncExecution(Generic[T]):
    """`created` is False if an unfinished execution with the same dedupe key answered the submission."""

    def __init__(
        self,
        backend: Backend,
        waiter: WaitsForItem,
        batch_id: bytes,
        index: int,
        read: Callable[[bytes], T] = decode,
        *,
        created: bool = True,
        ended: ItemRow | None = None,
    ) -> None:
        self._backend = backend
        self._waiter = waiter
        self._ended = ended
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
        row: ItemRow | bytes | None
        row, self._ended = self._ended, None
        if row is None:
            row = await self._waiter.end_of_item(self._batch_id, self._index, timeout)
        if row is None:
            raise ResultTimeout(f"execution {self.id} has not ended after {timeout} s")
        return self._read(row) if isinstance(row, bytes) else Result(row, self._read).value

    async def logs(self, attempt: int | None = None) -> list[LogEntry]:
        """What it has said up to now: of one attempt, or of all one after the other."""
        return await all_logs(self._backend, self._batch_id, self._index, attempt)

    async def cancel(self) -> bool:
        """Whether it ended or will end cancelled."""
        answer = await self._backend.cancel_items(self._batch_id, [self._index])
        return bool(answer.ended or answer.asked)

    async def edit(self, payload: object, *, retry: bool = True) -> None:
        """Another input for its next attempt, while it waits or after it ended badly; with `retry` it is tried again
        now. `Conflict` if it runs or has succeeded."""
        await edit(self._backend, self._batch_id, self._index, payload, again=retry)

    async def skip(self, *, reason: str = "skipped by user") -> None:
        """It ends cancelled, while it waits or after it has failed; else `Conflict`."""
        await skip(self._backend, self._batch_id, self._index, reason)


class Execution(Generic[T]):
    """What `task.submit` and `client.submit` return: `AsyncExecution`, blocking."""

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

    def logs(self, attempt: int | None = None) -> list[LogEntry]:
        """What it has said up to now: of one attempt, or of all one after the other."""
        return self._caller.call(self._async.logs(attempt))

    def cancel(self) -> bool:
        """Whether it ended or will end cancelled."""
        return self._caller.call(self._async.cancel())

    def edit(self, payload: object, *, retry: bool = True) -> None:
        """Another input for its next attempt, while it waits or after it ended badly; with `retry` it is tried again
        now. `Conflict` if it runs or has succeeded."""
        self._caller.call(self._async.edit(payload, retry=retry))

    def skip(self, *, reason: str = "skipped by user") -> None:
        """It ends cancelled, while it waits or after it has failed; else `Conflict`."""
        self._caller.call(self._async.skip(reason=reason))
