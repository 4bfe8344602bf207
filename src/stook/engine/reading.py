"""Looking at batches and executions: what the store remembers, with large bodies fetched from where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stook.core.errors import OptionError
from stook.core.ids import parse_id
from stook.core.states import State
from stook.engine.listening import LOOK, listening
from stook.store.script.read.batch_list import BatchPage, keyed_page, list_batches
from stook.store.script.read.batch_view import BatchView, find_batch, show_batch
from stook.store.script.read.execution_view import ExecutionView, show_execution, show_item, show_key
from stook.store.script.read.executions import ExecutionPage, executions
from stook.store.script.read.failures import FailureGroup, failure_groups
from stook.store.script.read.logs import LogPage, read_logs
from stook.store.script.read.results import FollowedItems, follow_items, results
from stook.store.script.read.state_map import state_map
from stook.store.script.read.steps import Step, list_awaited, list_steps, why_item_waits
from stook.store.script.read.why import why_batch_waits, why_item_waits_to_run, why_project_waits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable

    from stook.core.states import BatchState
    from stook.core.wait import Awaited
    from stook.engine.blobs import Blobs
    from stook.store.port import Store
    from stook.store.script.read.item_row import ItemRow

__all__ = ["Reading"]


class Worker(Protocol):
    failure: BaseException | None
    """Why it cannot go on."""


class Reading:
    """`workers` are those of this process: once one of them cannot go on, nobody here waits for ever."""

    def __init__(self, store: Store, blobs: Blobs, project: str) -> None:
        self.store = store
        self.blobs = blobs
        self.project = project
        self.workers: list[Worker] = []

    async def show(self, batch_id: bytes) -> BatchView:
        return await self.store.read(show_batch, batch_id)

    async def find(self, text: str) -> BatchView:
        """By id, name (the newest of that name) or key."""
        return await self.store.read(find_batch, self.project, text)

    async def batches(
        self,
        *,
        states: Collection[BatchState] = (),
        task: str | None = None,
        name: str | None = None,
        named: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> BatchPage:
        at = None if after is None else parse_id(after)
        return await self.store.read(
            list_batches, self.project, states=states, task=task, name=name, named=named, after=at, limit=limit
        )

    async def keyed(self, key: str) -> BatchPage:
        """The batch that an idempotency key stands for, if there is one."""
        return await self.store.read(keyed_page, self.project, key)

    async def wait_for_change(self, batch_id: bytes, timeout: float = LOOK) -> bool:
        """True soon after the batch has ended, False after `timeout` seconds. Settlements ring for those who follow:
        who waits for the end need not look at each. Raises what stopped a worker here."""
        self.check_workers()
        return await self.store.wait((f"end:{batch_id.hex()}",), timeout)

    def check_workers(self) -> None:
        for worker in self.workers:
            if worker.failure is not None:
                raise worker.failure

    async def execution(self, text: str) -> ExecutionView:
        return await self._whole_view(await self.store.read(show_execution, parse_id(text)))

    async def item(
        self, batch_id: bytes, *, index: int | None = None, key: str | None = None, waited: bool = False
    ) -> ExecutionView:
        """By its index or the caller's key; one of them is given. `ResultPruned` if it is kept no longer, unless the
        caller `waited` for it from before its end."""
        if (index is None) == (key is None):
            raise OptionError("give the item's index or its key")
        if key is not None:
            return await self._whole_view(await self.store.read(show_key, batch_id, key))
        assert index is not None
        return await self._whole_view(await self.store.read(show_item, batch_id, index, waited=waited))

    async def logs(
        self, batch_id: bytes, index: int, *, attempt: int | None = None, after: str | None = None, limit: int = 1000
    ) -> LogPage:
        """What an execution has said, behind the cursor `after`: of one attempt, or of all one after the other."""
        return await self.store.read(read_logs, batch_id, index, attempt=attempt, after=after, limit=limit)

    async def steps(self, batch_id: bytes, index: int, *, limit: int = 10_000) -> list[Step]:
        """What an execution remembers: its steps, sleeps, children and events that are over, in their order."""
        return await self.store.read(list_steps, batch_id, index, limit)

    async def awaited(self, batch_id: bytes, index: int, *, limit: int = 10_000) -> list[Awaited]:
        """What a suspended execution waits for, by key. Of any other: nothing."""
        return await self.store.read(list_awaited, batch_id, index, limit)

    async def why_suspended(self, batch_id: bytes, index: int) -> list[str]:
        """What a suspended execution waits for, in words."""
        return await self.store.read(why_item_waits, batch_id, index)

    async def executions(
        self,
        batch_id: bytes,
        *,
        states: Collection[State] | None = None,
        group: str | None = None,
        key: str | None = None,
        tag: str | None = None,
        code: str | None = None,
        error_type: str | None = None,
        indexes: range | None = None,
        after: int = 0,
        limit: int = 100,
        tracebacks: bool = False,
    ) -> ExecutionPage:
        page = await self.store.read(
            executions,
            batch_id,
            group=group,
            key=key,
            tag=tag,
            code=code,
            error_type=error_type,
            indexes=indexes,
            after=after,
            limit=limit,
            tracebacks=tracebacks,
            states=frozenset(State) if states is None else states,
        )
        await self.fetch_bodies(page.rows)
        return page

    async def results(self, batch_id: bytes, after: int = 0) -> AsyncIterator[list[ItemRow]]:
        """All items that are kept, in input order, a few chunks at a time."""
        while rows := await self.store.read(results, batch_id, after):
            after = rows[-1].index + 1
            if shown := [row for row in rows if not row.pruned]:
                await self.fetch_bodies(shown)
                yield shown

    async def settled(self, batch_id: bytes, after: int = 0, *, live: bool = True) -> AsyncIterator[list[ItemRow]]:
        """Items as they settle, from cursor `after`, until the batch has ended and all were given; with `live=False`
        what has settled up to now."""
        while True:
            async with listening(self.store, f"batch:{batch_id.hex()}") as heard:
                found: FollowedItems = await self.store.read(follow_items, batch_id, after)
                after = found.after
                if shown := [row for row in found.items if not row.pruned]:
                    await self.fetch_bodies(shown)
                    yield shown
                if found.done or (not live and not found.items):
                    return
                if not found.items:
                    self.check_workers()
                    await heard

    async def failure_groups(self, batch_id: bytes) -> list[FailureGroup]:
        return await self.store.read(failure_groups, batch_id)

    async def state_map(self, batch_id: bytes) -> list[tuple[int, bytes]]:
        return await self.store.read(state_map, batch_id)

    async def why(self, batch_id: bytes) -> list[str]:
        """Why nothing more of the batch runs right now, in words."""
        return await self.store.read(why_batch_waits, batch_id)

    async def why_waits(self, batch_id: bytes, first: int, index: int) -> list[str]:
        """Why one that is queued, or due later, does not run; it is in the chunk at `first`."""
        return await self.store.read(why_item_waits_to_run, batch_id, first, index)

    async def why_nothing_runs(self) -> list[str]:
        """The same of the whole project."""
        return await self.store.read(why_project_waits, self.project)

    async def _whole_view(self, view: ExecutionView) -> ExecutionView:
        await self.fetch_bodies([view.item])
        batch_id = view.item.batch_id
        if view.original is not None and view.original_blob:
            view.original, view.original_blob = await self.blobs.get(batch_id, view.original), False
        for change in view.changes:
            if change.input is not None and change.blob:
                change.input, change.blob = await self.blobs.get(batch_id, change.input), False
        return view

    async def fetch_bodies(self, rows: Iterable[ItemRow]) -> None:
        """In the place of references."""
        for row in rows:
            if row.input_blob:
                row.input, row.input_blob = await self.blobs.get(row.batch_id, row.input), False
            if row.result_blob and row.result is not None:
                row.result, row.result_blob = await self.blobs.get(row.batch_id, row.result), False
