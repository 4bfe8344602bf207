"""The handle of a batch, for coroutines."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from stook.client.changing import edit, skip
from stook.client.log_pages import all_logs
from stook.client.result import Result
from stook.client.waiting import looks
from stook.core.errors import ResultTimeout
from stook.core.ids import execution_id
from stook.core.payload import decode, encode
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.read.narrowed import Narrow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence

    from stook.client.backend import Backend
    from stook.client.waiting import Bells, Waits
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.read.logs import LogEntry

__all__ = ["AsyncBatch"]

T = TypeVar("T")


class AsyncBatch(Generic[T]):
    """Holds nothing but the batch's id: every method asks anew, any number of handles may exist."""

    def __init__(
        self,
        backend: Backend,
        batch_id: bytes,
        read: Callable[[bytes], T] = decode,
        *,
        waits: Waits | None = None,
    ) -> None:
        self._backend = backend
        self._id = batch_id
        self._read = read
        self._waits = waits

    @property
    def id(self) -> str:
        return execution_id(self._id, 0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    async def show(self) -> BatchView:
        """State, counters and times, at the same cost for every size."""
        return await self._backend.show(self._id)

    async def wait(self, timeout: float | None = None, *, progress: bool = False) -> BatchView:
        """Until the batch has ended. `ResultTimeout` after `timeout` seconds; the batch goes on. With `progress`, a
        bar on standard error shows how far it is, where that is a terminal."""
        from stook.client.bar import shown_progress  # noqa: PLC0415 - nobody loads rich who draws nothing

        with shown_progress(wanted=progress) as show:
            async with aclosing(self._looks(timeout)) as found:
                view = None
                async for view in found:
                    show(view)
        assert view is not None
        if not view.state.terminal:
            raise ResultTimeout(f"batch {self.id} is {view.state.value} after {timeout} s")
        return view

    async def follow(self) -> AsyncIterator[BatchView]:
        """The batch as it is now, and whenever it has changed, up to its end. Several changes may come as one."""
        async for page in self.followed_pages():
            for view in page:
                yield view

    async def followed_pages(self) -> AsyncIterator[list[BatchView]]:
        before = None
        async with aclosing(self._looks(None)) as found:
            async for view in found:
                if view != before:
                    before = view
                    yield [view]

    def _looks(self, timeout: float | None) -> AsyncGenerator[BatchView]:
        if self._waits is not None:
            return self._waits.looks(self._id, timeout)
        return looks(cast("Bells", self._backend), self._id, timeout)

    async def results(self) -> AsyncIterator[Result[T]]:
        """All executions in input order, as they are now."""
        async for page in self.result_pages():
            for one in page:
                yield one

    async def as_completed(self) -> AsyncIterator[Result[T]]:
        """Each execution as it ends, until the batch has ended; those that ended before come first, in their order.
        One that is retried by hand comes again when it ends again."""
        async for page in self.completed_pages():
            for one in page:
                yield one

    async def result(self, *, index: int | None = None, key: str | None = None) -> Result[T]:
        """One execution by its index or the caller's key, as it is now."""
        return Result((await self._backend.item(self._id, index=index, key=key)).item, self._read)

    async def logs(
        self, *, index: int | None = None, key: str | None = None, attempt: int | None = None
    ) -> list[LogEntry]:
        """What one execution has said up to now: of one attempt, or of all one after the other."""
        if key is not None or index is None:
            index = (await self._backend.item(self._id, index=index, key=key)).item.index
        return await all_logs(self._backend, self._id, index, attempt)

    async def failed_results(self) -> AsyncIterator[Result[T]]:
        """Executions that have failed, with tracebacks."""
        async for page in self.failed_pages():
            for one in page:
                yield one

    async def result_pages(self) -> AsyncIterator[list[Result[T]]]:
        async for rows in self._backend.results(self._id):
            yield [Result(row, self._read) for row in rows]

    async def completed_pages(self) -> AsyncIterator[list[Result[T]]]:
        async for rows in self._backend.settled(self._id):
            yield [Result(row, self._read) for row in rows]

    async def failed_pages(self) -> AsyncIterator[list[Result[T]]]:
        after: int | None = 0
        while after is not None:
            page = await self._backend.executions(
                self._id, states={State.failed}, after=after, limit=500, tracebacks=True
            )
            yield [Result(row, self._read) for row in page.rows]
            after = page.after

    async def failures(self) -> list[FailureGroup]:
        """Failures by cause, the most frequent first."""
        return await self._backend.failure_groups(self._id)

    async def why(self) -> list[str]:
        """Why nothing more runs right now, in words."""
        return await self._backend.why(self._id)

    async def cancel(self, *, hard: bool = False, reason: str = "cancelled by user") -> None:
        """Nothing more starts; with `hard`, what runs is stopped."""
        await self._backend.cancel(self._id, hard=hard, reason=reason)

    async def cancel_items(self, indexes: Sequence[int]) -> int:
        """How many of them ended or will end cancelled."""
        answer = await self._backend.cancel_items(self._id, indexes)
        return len(answer.ended) + len(answer.asked)

    async def cancel_tagged(self, tag: str) -> int:
        """Those that bear the tag: how many of them ended or will end cancelled."""
        answer = await self._backend.cancel_where(self._id, Narrow(tag=tag))
        return len(answer.ended) + len(answer.asked)

    async def edit(self, index: int, payload: object, *, retry: bool = True) -> None:
        """Another input for the next attempt of one that waits, or ended badly, which with `retry` is tried again now.
        `Conflict` if it runs or has succeeded."""
        await edit(self._backend, self._id, index, payload, again=retry)

    async def skip(self, index: int, *, reason: str = "skipped by user") -> None:
        """One that waits, or has failed, ends cancelled. `Conflict` if it runs or has ended otherwise."""
        await skip(self._backend, self._id, index, reason)

    async def pause(self, *, reason: str = "paused by user") -> None:
        await self._backend.pause(self._id, reason=reason)

    async def resume(self, *, ramp: bool = True) -> None:
        """Goes on; concurrency grows over ten seconds unless `ramp` is False."""
        await self._backend.resume(self._id, ramp=ramp)

    async def retry(
        self,
        *,
        group: str | None = None,
        indexes: Sequence[int] | None = None,
        states: Sequence[str] = ("failed",),
        keys: Sequence[str] | None = None,
        tag: str | None = None,
        code: str | None = None,
        error_type: str | None = None,
        start: int = 0,
        stop: int | None = None,
        probe: int | None = None,
        overrides: Mapping[int, object] | None = None,
        merge: Mapping[str, object] | None = None,
    ) -> int:
        """Takes ended executions up again in this batch: all that failed, or those that pass every filter: one failure
        group's, those whose error has this `code` or type, that bear a tag, chosen ones, those from index `start` to
        `stop` - 1. With `probe`, so many are tried first. Returns how many were queued now.

        `overrides` gives some of them (by index) another input; `merge` changes fields of the inputs of all of them,
        which must be objects, by the rules of JSON merge patch: `None` removes a field."""
        scope = RetryScope(
            (states,) if isinstance(states, str) else tuple(states),
            group,
            None if indexes is None else tuple(indexes),
            keys=None if keys is None else tuple(keys),
            tag=tag,
            code=code,
            type=error_type,
            start=start,
            stop=stop,
        )
        changed = None if overrides is None else {index: encode(value) for index, value in overrides.items()}
        patch = None if merge is None else encode(dict(merge))
        return await self._backend.retry(self._id, scope, probe=probe, overrides=changed, merge=patch)

    async def limit(self, max_concurrency: int | None) -> None:
        """Executions of this batch in flight at once, from now on."""
        await self._backend.limit(self._id, max_concurrency)

    async def delete(self) -> None:
        """An ended batch with everything that belongs to it."""
        await self._backend.delete(self._id)
