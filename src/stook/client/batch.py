"""The handle of a batch, for threads: the same methods as `AsyncBatch`, blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from stook.client.async_batch import AsyncBatch
from stook.core.payload import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
    from typing import Any

    from stook.client.backend import Backend
    from stook.client.result import Result
    from stook.client.waiting import Waits
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.read.logs import LogEntry

__all__ = ["AsyncBatch", "Batch", "Caller"]

R = TypeVar("R")
T = TypeVar("T")


class Caller(Protocol):
    """Runs coroutines somewhere else and blocks for their answer."""

    def call(self, coroutine: Coroutine[Any, Any, R]) -> R: ...

    def iterate(self, pages: AsyncIterator[list[R]]) -> Iterator[R]: ...


class Batch(Generic[T]):
    """What `task.map` and `client.map` return."""

    def __init__(
        self,
        backend: Backend,
        batch_id: bytes,
        caller: Caller,
        read: Callable[[bytes], T] = decode,
        *,
        waits: Waits | None = None,
    ) -> None:
        self._async = AsyncBatch(backend, batch_id, read, waits=waits)
        self._caller = caller

    @property
    def id(self) -> str:
        return self._async.id

    def __repr__(self) -> str:
        return f"<Batch {self.id}>"

    def show(self) -> BatchView:
        """State, counters and times, at the same cost for every size."""
        return self._caller.call(self._async.show())

    def wait(self, timeout: float | None = None, *, progress: bool = False) -> BatchView:
        """Until the batch has ended. `ResultTimeout` after `timeout` seconds; the batch goes on. With `progress`, a
        bar on standard error shows how far it is, where that is a terminal."""
        return self._caller.call(self._async.wait(timeout, progress=progress))

    def follow(self) -> Iterator[BatchView]:
        """The batch as it is now, and whenever it has changed, up to its end. Several changes may come as one."""
        return self._caller.iterate(self._async.followed_pages())

    def results(self) -> Iterator[Result[T]]:
        """All executions in input order, as they are now."""
        return self._caller.iterate(self._async.result_pages())

    def as_completed(self) -> Iterator[Result[T]]:
        """Each execution as it ends, until the batch has ended."""
        return self._caller.iterate(self._async.completed_pages())

    def result(self, *, index: int | None = None, key: str | None = None) -> Result[T]:
        """One execution by its index or the caller's key, as it is now."""
        return self._caller.call(self._async.result(index=index, key=key))

    def logs(self, *, index: int | None = None, key: str | None = None, attempt: int | None = None) -> list[LogEntry]:
        """What one execution has said up to now: of one attempt, or of all one after the other."""
        return self._caller.call(self._async.logs(index=index, key=key, attempt=attempt))

    @property
    def failures(self) -> list[FailureGroup]:
        """Failures by cause, the most frequent first."""
        return self._caller.call(self._async.failures())

    def failed_results(self) -> Iterator[Result[T]]:
        """Executions that have failed, with tracebacks."""
        return self._caller.iterate(self._async.failed_pages())

    def why(self) -> list[str]:
        """Why nothing more runs right now, in words."""
        return self._caller.call(self._async.why())

    def cancel(self, *, hard: bool = False, reason: str = "cancelled by user") -> None:
        """Nothing more starts; with `hard`, what runs is stopped."""
        self._caller.call(self._async.cancel(hard=hard, reason=reason))

    def cancel_items(self, indexes: Sequence[int]) -> int:
        """How many of them ended or will end cancelled."""
        return self._caller.call(self._async.cancel_items(indexes))

    def cancel_tagged(self, tag: str) -> int:
        """Those that bear the tag: how many of them ended or will end cancelled."""
        return self._caller.call(self._async.cancel_tagged(tag))

    def edit(self, index: int, payload: object, *, retry: bool = True) -> None:
        """Another input for the next attempt of one that waits, or ended badly, which with `retry` is tried again now.
        `Conflict` if it runs or has succeeded."""
        self._caller.call(self._async.edit(index, payload, retry=retry))

    def skip(self, index: int, *, reason: str = "skipped by user") -> None:
        """One that waits, or has failed, ends cancelled. `Conflict` if it runs or has ended otherwise."""
        self._caller.call(self._async.skip(index, reason=reason))

    def pause(self, *, reason: str = "paused by user") -> None:
        self._caller.call(self._async.pause(reason=reason))

    def resume(self, *, ramp: bool = True) -> None:
        """Goes on; concurrency grows over ten seconds unless `ramp` is False."""
        self._caller.call(self._async.resume(ramp=ramp))

    def retry(
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
        """Takes ended executions up again in this batch; returns how many were queued now. All that failed, or those
        that pass every filter. `overrides` gives some of them (by index) another input; `merge` changes fields of the
        inputs of all of them (JSON merge patch: `None` removes a field)."""
        return self._caller.call(
            self._async.retry(
                group=group,
                indexes=indexes,
                states=states,
                keys=keys,
                tag=tag,
                code=code,
                error_type=error_type,
                start=start,
                stop=stop,
                probe=probe,
                overrides=overrides,
                merge=merge,
            )
        )

    def limit(self, max_concurrency: int | None) -> None:
        """Executions of this batch in flight at once, from now on."""
        self._caller.call(self._async.limit(max_concurrency))

    def delete(self) -> None:
        """An ended batch with everything that belongs to it."""
        self._caller.call(self._async.delete())
