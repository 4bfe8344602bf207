"""What a batch handle needs of whoever keeps the batch: the engine in this process, or a server far away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from stook.core.retry_scope import RetryScope
    from stook.core.schedule import Schedule
    from stook.core.states import BatchState, State
    from stook.core.terms import TermsChange
    from stook.core.unchanged import Unchanged
    from stook.store.script.cancel_items import CancelledItems
    from stook.store.script.change import Touched
    from stook.store.script.read.batch_list import BatchPage
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.execution_view import ExecutionView
    from stook.store.script.read.executions import ExecutionPage
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.read.item_row import ItemRow
    from stook.store.script.read.limits import LimitRow
    from stook.store.script.read.logs import LogPage
    from stook.store.script.read.narrowed import Narrow
    from stook.store.script.schedule_row import NewSchedule

__all__ = ["Backend", "Reading"]


class Backend(Protocol):
    """As `stook.engine.service.Engine` documents each."""

    async def show(self, batch_id: bytes) -> BatchView: ...

    def results(self, batch_id: bytes, after: int = 0) -> AsyncIterator[list[ItemRow]]: ...

    def settled(self, batch_id: bytes, after: int = 0, *, live: bool = True) -> AsyncIterator[list[ItemRow]]: ...

    async def item(self, batch_id: bytes, *, index: int | None = None, key: str | None = None) -> ExecutionView: ...

    async def executions(
        self,
        batch_id: bytes,
        *,
        states: Collection[State] | None = None,
        group: str | None = None,
        tag: str | None = None,
        after: int = 0,
        limit: int = 100,
        tracebacks: bool = False,
    ) -> ExecutionPage: ...

    async def logs(
        self, batch_id: bytes, index: int, *, attempt: int | None = None, after: str | None = None, limit: int = 1000
    ) -> LogPage: ...

    async def failure_groups(self, batch_id: bytes) -> list[FailureGroup]: ...

    async def why(self, batch_id: bytes) -> list[str]: ...

    async def cancel(self, batch_id: bytes, *, hard: bool = False, reason: str = ...) -> int: ...

    async def cancel_items(self, batch_id: bytes, indexes: Sequence[int]) -> CancelledItems: ...

    async def pause(self, batch_id: bytes, *, reason: str = ...) -> None: ...

    async def resume(self, batch_id: bytes, *, ramp: bool = True) -> None: ...

    async def cancel_where(self, batch_id: bytes, where: Narrow) -> CancelledItems: ...

    async def retry(
        self,
        batch_id: bytes,
        scope: RetryScope,
        *,
        probe: int | None = None,
        overrides: Mapping[int, bytes] | None = None,
        merge: bytes | None = None,
    ) -> int: ...

    async def edit(self, batch_id: bytes, index: int, payload: bytes, *, again: bool = True) -> Touched: ...

    async def skip(self, batch_id: bytes, index: int, *, reason: str = ...) -> Touched: ...

    async def delete(self, batch_id: bytes) -> None: ...

    async def limit(self, batch_id: bytes, max_concurrency: int | None) -> None: ...


class Reading(Backend, Protocol):
    """What finds batches, too, and knows the project's limits."""

    async def find(self, text: str) -> BatchView: ...

    async def batches(
        self,
        *,
        states: Collection[BatchState] = (),
        task: str | None = None,
        name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> BatchPage: ...

    async def emit(self, name: str, payload: bytes) -> str: ...

    async def schedule(self, task: str, new: NewSchedule) -> Schedule: ...

    async def unschedule(self, task: str, name: str, *, cancel_running: bool = True) -> bool: ...

    async def schedules(self, task: str | None = None) -> list[Schedule]: ...

    async def pause_schedule(self, task: str, name: str) -> Schedule: ...

    async def resume_schedule(self, task: str, name: str) -> Schedule: ...

    async def limits(self) -> Sequence[LimitRow]: ...

    async def change_limits(
        self,
        *,
        queue: str | None = None,
        task: str | None = None,
        max_concurrency: int | Unchanged | None = ...,
        paused: bool | None = None,
        terms: TermsChange | None = None,
    ) -> LimitRow: ...
