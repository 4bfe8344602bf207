"""The batches of a server, as `stook.client.backend` wants them: every method is one call of the API, or a stream."""

from __future__ import annotations

import difflib
import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from stook.client import calls
from stook.client.exact import in_shape
from stook.client.following import follow, stream_rows
from stook.client.refused import problem_behind
from stook.client.remote_triggers import RemoteTriggers
from stook.client.shapes import batch_view, execution_view, failure_group, item_row, limit_row, log_entry
from stook.core.errors import Conflict, NotFound, OptionError
from stook.core.ids import batch_of, execution_id, parse_id
from stook.core.states import TERMINAL, State
from stook.core.unchanged import UNCHANGED
from stook.store.script.cancel_items import CancelledItems
from stook.store.script.change import Touched
from stook.store.script.read.batch_list import BatchPage
from stook.store.script.read.executions import ExecutionPage
from stook.store.script.read.logs import LogPage
from stook.wire.batch import Batch
from stook.wire.execution import Execution, ExecutionDetail
from stook.wire.following import ExecutionsSettled
from stook.wire.limit import ChangeLimits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence

    import msgspec

    from stook.client.connection import Connection
    from stook.client.request import Request
    from stook.core.retry_scope import RetryScope
    from stook.core.states import BatchState
    from stook.core.terms import TermsChange
    from stook.core.unchanged import Unchanged
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.execution_view import ExecutionView
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.read.item_row import ItemRow
    from stook.store.script.read.limits import LimitRow
    from stook.store.script.read.logs import LogEntry
    from stook.store.script.read.narrowed import Narrow
    from stook.wire.action import Acted

__all__ = ["RemoteBackend"]

_PAGE: Final = 1000
_NAMES: Final = 200
_SHOWS_BATCH: Final = frozenset({"snapshot", "progress", "end"})


class RemoteBackend(RemoteTriggers):
    """Implements `Reading`, `Waits` and `WaitsForItem`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --------------------------------------------------------------------------------------------------------- looking

    async def show(self, batch_id: bytes) -> BatchView:
        return batch_view(await self._connection.send(calls.show(_text(batch_id))))

    async def find(self, text: str) -> BatchView:
        """By id (or that of one of its executions), name (the newest of that name) or key."""
        if _is_id(text):
            try:
                return await self.show(batch_of(parse_id(text)))
            except NotFound:
                pass
        for given in ({"named": text}, {"key": text}):
            page = await self._connection.send(calls.list_batches(**given, limit=1 if "named" in given else None))
            if page.data:
                return batch_view(page.data[0])
        recent = await self._connection.send(calls.list_batches(limit=_NAMES))
        near = difflib.get_close_matches(text, list(dict.fromkeys(one.name for one in recent.data)), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`stook batches` lists those there are"
        raise NotFound(f"no batch has the id, name or key {text!r}", where=self._connection.server, hint=hint)

    async def batches(
        self,
        *,
        states: Collection[BatchState] = (),
        task: str | None = None,
        name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> BatchPage:
        words = ",".join(sorted(state.value for state in states)) or None
        found: list[BatchView] = []
        while True:
            wanted = min(_PAGE, limit - len(found))
            page = await self._connection.send(
                calls.list_batches(state=words, task=task, name=name, after=after, limit=wanted)
            )
            found += [batch_view(one) for one in page.data]
            after = page.next
            if after is None or len(found) >= limit:
                return BatchPage(found, None if after is None else parse_id(after))

    async def batch_pages(
        self, states: Collection[BatchState], task: str | None, name: str | None
    ) -> AsyncGenerator[list[BatchView]]:
        after = None
        while True:
            page = await self.batches(states=states, task=task, name=name, after=after)
            yield page.batches
            if page.after is None:
                return
            after = _text(page.after)

    async def item(self, batch_id: bytes, *, index: int | None = None, key: str | None = None) -> ExecutionView:
        if (index is None) == (key is None):
            raise OptionError("give the item's index or its key")
        if index is None:
            page = await self._connection.send(calls.executions(_text(batch_id), key=key, limit=1))
            if not page.data:
                raise NotFound(
                    f"batch {_text(batch_id)} has no item with the key {key!r}", where=self._connection.server
                )
            index = page.data[0].index
        detail = await self._connection.send(calls.execution(_text(batch_id), index))
        return execution_view(detail, await self.show(batch_id))

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
    ) -> ExecutionPage:
        words = None if states is None else ",".join(sorted(state.name for state in states))
        rows: list[ItemRow] = []
        at: int | None = after
        while at is not None and len(rows) < limit:
            wanted = min(_PAGE, limit - len(rows))
            page = await self._connection.send(
                calls.executions(
                    _text(batch_id), state=words, group=group, tag=tag, after=at, limit=wanted, tracebacks=tracebacks
                )
            )
            rows += map(item_row, page.data)
            at = None if page.next is None else int(page.next)
        return ExecutionPage(rows, at)

    async def logs(
        self, batch_id: bytes, index: int, *, attempt: int | None = None, after: str | None = None, limit: int = 1000
    ) -> LogPage:
        if index < 0:
            raise NotFound(f"batch {_text(batch_id)} has no item {index}", where=self._connection.server)
        execution = execution_id(batch_id, index)
        found: list[LogEntry] = []
        while True:
            wanted = min(_PAGE, limit - len(found))
            page = await self._connection.send(calls.logs(execution, attempt=attempt, after=after, limit=wanted))
            found += map(log_entry, page.data)
            after = page.next
            if after is None or len(found) >= limit:
                return LogPage(found, after)

    async def failure_groups(self, batch_id: bytes) -> list[FailureGroup]:
        found = await self._connection.send(calls.failures(_text(batch_id)))
        return [failure_group(one) for one in found.data]

    async def why(self, batch_id: bytes) -> list[str]:
        return (await self._connection.send(calls.why(_text(batch_id)))).reasons

    # --------------------------------------------------------------------------------------------------------- streams

    async def results(self, batch_id: bytes, after: int = 0) -> AsyncGenerator[list[ItemRow]]:
        async with aclosing(stream_rows(self._connection, _text(batch_id), "input", after)) as pages:
            async for page in pages:
                yield [item_row(one) for one in page]

    async def settled(self, batch_id: bytes, after: int = 0, *, live: bool = True) -> AsyncGenerator[list[ItemRow]]:
        """As they settle, on one stream after another: the next begins where the last whole frame ended."""
        batch = _text(batch_id)
        if not live:
            async with aclosing(stream_rows(self._connection, batch, "settled", after)) as pages:
                async for page in pages:
                    yield [item_row(one) for one in page]
            return

        def request(cursor: str | None) -> Request[None]:
            return calls.follow_batch(batch, cursor or str(after), settled=True, whole=True)

        async with aclosing(follow(self._connection, request)) as events:
            async for event in events:
                if event.name == "settled":
                    found = in_shape(event.data, ExecutionsSettled)
                    yield [item_row(one) for one in _executions(found.items)]

    async def looks(self, batch_id: bytes, timeout: float | None) -> AsyncGenerator[BatchView]:
        batch = _text(batch_id)
        until = None if timeout is None else self._connection.clock() + timeout
        view = await self.show(batch_id)
        yield view
        if view.state.terminal:
            return
        followed = follow(
            self._connection, lambda cursor: calls.follow_batch(batch, cursor, settled=False), until=until
        )
        async with aclosing(followed) as events:
            async for event in events:
                if event.name in _SHOWS_BATCH:
                    yield batch_view(in_shape(event.data, Batch))

    async def end_of_item(self, batch_id: bytes, index: int, timeout: float | None) -> ItemRow | None:
        execution = execution_id(batch_id, index)
        until = None if timeout is None else self._connection.clock() + timeout
        if timeout is not None and timeout <= 0:
            row = (await self.item(batch_id, index=index)).item
            return row if row.state in TERMINAL else None
        followed = follow(self._connection, lambda _: calls.follow_execution(execution), until=until)
        async with aclosing(followed) as events:
            async for event in events:
                if event.name == "end":
                    return item_row(in_shape(event.data, ExecutionDetail))
        return None

    # ---------------------------------------------------------------------------------------------------------- acting

    async def cancel(self, batch_id: bytes, *, hard: bool = False, reason: str = "cancelled by user") -> int:
        return (await self._connection.send(calls.cancel(_text(batch_id), hard=hard, reason=reason))).affected

    async def cancel_items(self, batch_id: bytes, indexes: Sequence[int]) -> CancelledItems:
        there = sorted({index for index in indexes if index >= 0})
        answer = CancelledItems()
        if there:
            answer = _split(await self._connection.send(calls.cancel(_text(batch_id), indexes=there)))
        answer.missing = sorted({index for index in indexes if index < 0}) + answer.missing
        return answer

    async def cancel_where(self, batch_id: bytes, where: Narrow) -> CancelledItems:
        request = calls.cancel(_text(batch_id), indexes=where.indexes, keys=where.keys, tag=where.tag)
        return _split(await self._connection.send(request))

    async def pause(self, batch_id: bytes, *, reason: str = "paused by user") -> None:
        await self._connection.send(calls.pause(_text(batch_id), reason))

    async def resume(self, batch_id: bytes, *, ramp: bool = True) -> None:
        await self._connection.send(calls.resume(_text(batch_id), ramp=ramp))

    async def retry(
        self,
        batch_id: bytes,
        scope: RetryScope,
        *,
        probe: int | None = None,
        overrides: Mapping[int, bytes] | None = None,
        merge: bytes | None = None,
    ) -> int:
        request = calls.retry(_text(batch_id), scope, probe, overrides, merge)
        return (await self._connection.send(request)).affected

    async def edit(self, batch_id: bytes, index: int, payload: bytes, *, again: bool = True) -> Touched:
        return await self._touch(calls.edit(_item(batch_id, index), payload, again=again))

    async def skip(self, batch_id: bytes, index: int, *, reason: str = "skipped by user") -> Touched:
        return await self._touch(calls.skip(_item(batch_id, index), reason))

    async def _touch(self, request: Request[ExecutionDetail]) -> Touched:
        """Of one that was touched the state afterwards."""
        try:
            detail = await self._connection.send(request)
        except Conflict as error:
            problem = problem_behind(error)
            if problem is None or problem.state is None:
                raise
            return Touched(done=False, state=State[problem.state])
        return Touched(done=True, state=State[detail.state])

    async def limit(self, batch_id: bytes, max_concurrency: int | None) -> None:
        await self._connection.send(calls.change_limit(_text(batch_id), max_concurrency))

    async def limits(self) -> list[LimitRow]:
        return [limit_row(one) for one in (await self._connection.send(calls.limits())).data]

    async def change_limits(
        self,
        *,
        queue: str | None = None,
        task: str | None = None,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        paused: bool | None = None,
        terms: TermsChange | None = None,
    ) -> LimitRow:
        body = ChangeLimits.of(queue, task, max_concurrency, paused=paused, terms=terms)
        return limit_row((await self._connection.send(calls.change_limits(body))).limit)

    async def delete(self, batch_id: bytes) -> None:
        await self._connection.send(calls.delete(_text(batch_id)))


def _item(batch_id: bytes, index: int) -> str:
    if index < 0:
        raise NotFound(f"batch {_text(batch_id)} has no item {index}")
    return execution_id(batch_id, index)


def _split(acted: Acted) -> CancelledItems:
    found = acted.items
    assert found is not None, "the executions were named"
    return CancelledItems(found.cancelled, found.stopping, found.ended, found.missing)


def _text(batch_id: bytes) -> str:
    return execution_id(batch_id, 0)


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _executions(items: Iterable[msgspec.Raw]) -> Iterable[Execution]:
    return (in_shape(bytes(one), Execution) for one in items)
