"""Executions by id or by filters: looked at, waited for, cancelled, retried."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from stook.core.errors import (
    Conflict,
    ExecutionCancelled,
    ExecutionNotFound,
    NotFound,
    ResultTimeout,
    Throttled,
)
from stook.core.moments import seconds_of
from stook.wiring.execution_words import filter_of, name_of, reason_of, text_of, texts_of
from stook.wiring.opening import Opening
from stook.wiring.way import Awaited, Blocked, finished

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.moments import Duration
    from stook.engine.invoked import Filter
    from stook.wiring.definitions import TaskDef
    from stook.wiring.execution_info import ExecutionInfo
    from stook.wiring.session import Session
    from stook.wiring.task import Task
    from stook.wiring.way import Way

    AnyTask = Task[..., Any, Any] | TaskDef | str
    Ids = str | Sequence[object]
    Infos = list[ExecutionInfo]
    Many = list[Any]

__all__ = ["CANCELLED", "BlockingExecuting", "Executing"]

R = TypeVar("R")
CANCELLED = "Cancelled by user"


class Executing(Opening):
    """Coroutines of `App`. Ids are texts, or what has one as its text: an `Invocation`. Filters are joined by and;
    `state` is a state's name or several; `dedupe_key` finds the execution that holds it."""

    async def get(self, id: object) -> ExecutionInfo:  # noqa: A002 - what it is
        """`ExecutionNotFound` if there is none."""
        return await self._get(Awaited(*self.opened()), id)

    async def list(
        self,
        *,
        task: AnyTask | None = None,
        queue: str | None = None,
        state: str | Sequence[str] | None = None,
        tag: str | None = None,
        batch_id: str | None = None,
        dedupe_key: str | None = None,
        after: object = None,
        limit: int = 100,
    ) -> Infos:
        """The oldest first, in the order of their ids, from behind the id `after`: the last one's id asks for the next
        page. `why_waiting` is left to `get`."""
        by = filter_of(task, queue, state, tag, batch_id, dedupe_key)
        return await self._list(Awaited(*self.opened()), by, after, limit)

    async def wait(self, ids: Ids, timeout: Duration | None = None) -> Infos:
        """Until all of them have ended, however they did: as they are then, in this order. `ResultTimeout` after
        `timeout`."""
        return await self._wait(Awaited(*self.opened()), ids, timeout)

    async def cancel(
        self,
        id: object,  # noqa: A002 - what it is
        *,
        dedupe_key: str | None = None,
        reason: str = CANCELLED,
        cancel_children: bool = True,
        connection: Any = None,
    ) -> bool:
        """An execution by its id, or with `dedupe_key` that of a task (given in the place of the id) which holds the
        key. What waits ends at once and never runs; what runs is signalled and ends cancelled, whatever its handler
        does. False: it has ended, was cancelled before, or there is none."""
        way = Awaited(*self.opened())
        return await self._cancel(way, id, dedupe_key, reason, connection, children=cancel_children)

    async def retry(
        self,
        ids: Ids | None = None,
        *,
        task: AnyTask | None = None,
        queue: str | None = None,
        state: str | Sequence[str] | None = None,
        tag: str | None = None,
        batch_id: str | None = None,
        dedupe_key: str | None = None,
    ) -> int:
        """Runs those again that have failed, were cancelled or have expired, of these ids or of all that the filters
        let pass; one of the two is given. How many there were: others are passed over."""
        by = filter_of(task, queue, state, tag, batch_id, dedupe_key)
        return await self._retry(Awaited(*self.opened()), ids, by)

    async def cancel_many(
        self,
        ids: Ids | None = None,
        *,
        task: AnyTask | None = None,
        queue: str | None = None,
        state: str | Sequence[str] | None = None,
        tag: str | None = None,
        batch_id: str | None = None,
        dedupe_key: str | None = None,
        reason: str = CANCELLED,
        cancel_children: bool = True,
    ) -> int:
        """`cancel` of these ids, or of all that the filters let pass; one of the two is given. How many end cancelled
        because of this call."""
        by = filter_of(task, queue, state, tag, batch_id, dedupe_key)
        return await self._cancel_many(Awaited(*self.opened()), ids, by, reason, children=cancel_children)

    async def _get(self, way: Way, id_: object) -> ExecutionInfo:
        from stook.wiring.execution_info import info_of  # noqa: PLC0415 - loaded with the store

        found = await way.run(self.opened()[0].executions.get(text_of(id_)))
        return info_of(found, self._reader_of(found.task))

    async def _list(self, way: Way, by: Filter, after: object, limit: int) -> Infos:
        from stook.wiring.execution_info import info_of  # noqa: PLC0415 - loaded with the store

        behind = None if after is None else text_of(after)
        found = await way.run(self.opened()[0].executions.page(by, after=behind, limit=limit))
        return [info_of(one, self._reader_of(one.task)) for one in found]

    async def _wait(self, way: Way, ids: Ids, timeout: Duration | None) -> Infos:
        texts = texts_of(ids)
        await self._results_of(
            way, [(text, bytes, False) for text in texts], timeout, return_exceptions=True, look=True
        )
        return [await self._get(way, text) for text in texts]

    async def _cancel(
        self, way: Way, id_: object, dedupe_key: str | None, reason: str, connection: Any, *, children: bool
    ) -> bool:
        said = reason_of(reason)
        if connection is not None:
            return await self._cancel_there(way, id_, dedupe_key, said, connection, children=children)
        executions = self.opened()[0].executions
        if dedupe_key is not None:
            return await way.run(executions.cancel_holder(name_of(id_), dedupe_key, reason=said, children=children))
        try:
            return bool(await way.run(executions.cancel([text_of(id_)], filter_of(), reason=said, children=children)))
        except NotFound:
            return False

    async def _cancel_there(
        self, way: Way, id_: object, dedupe_key: str | None, reason: str, connection: Any, *, children: bool
    ) -> bool:
        from stook.core.ids import batch_of, index_of, parse_id  # noqa: PLC0415 - loaded with the store
        from stook.core.stored_key import stored_key  # noqa: PLC0415
        from stook.store.script.cancel_executions import cancel_executions, cancel_holder  # noqa: PLC0415

        project = self.opened()[0].engine.project
        if dedupe_key is not None:
            key = (project, name_of(id_), stored_key("dedupe_key", dedupe_key))
            return await way.on_connection(connection, cancel_holder, *key, reason=reason, children=children)
        try:
            raw = parse_id(text_of(id_))
            act = partial(cancel_executions, batch_of(raw), [index_of(raw)], reason=reason, project=project)
            return bool(await way.on_connection(connection, act, children=children))
        except NotFound:
            return False

    async def _cancel_many(self, way: Way, ids: Ids | None, by: Filter, reason: str, *, children: bool) -> int:
        texts = None if ids is None else texts_of(ids)
        executions = self.opened()[0].executions
        return await way.run(executions.cancel(texts, by, reason=reason_of(reason), children=children))

    async def _retry(self, way: Way, ids: Ids | None, by: Filter) -> int:
        return await way.run(self.opened()[0].executions.retry(None if ids is None else texts_of(ids), by))

    async def _retry_one(self, way: Way, text: str) -> None:
        if not await self._retry(way, text, filter_of()):
            info = await self._get(way, text)
            over = info.state == "succeeded"
            raise Conflict(
                f"execution {text} is {info.state}: only what has failed, was cancelled or has expired is retried",
                hint="invoke the task again for another run" if over else "cancel it first, or wait for its end",
            )

    async def _result_of(
        self, way: Way, text: str, timeout: Duration | None, read: Callable[[bytes], R], *, prunes: bool
    ) -> R:
        found: R
        (found,) = await self._results_of(way, [(text, read, prunes)], timeout, return_exceptions=False)
        return found

    async def _results_of(
        self,
        way: Way,
        wanted: Sequence[tuple[str | None, Callable[[bytes], R], bool]],
        timeout: Duration | None,
        *,
        return_exceptions: bool,
        look: bool = False,
    ) -> Many:
        """Of (id, reader, whether its task keeps nothing for ever). With `look` what cannot be read is no matter, but
        for the time being over."""
        session, _ = self.opened()
        seconds = None if timeout is None else seconds_of("timeout", timeout)

        async def ends() -> Many:
            waiting = [_end(session, text, read, seconds, prunes=prunes) for text, read, prunes in wanted]
            return await asyncio.gather(*waiting, return_exceptions=return_exceptions)

        found = await way.run(ends())
        for one in found if look else ():
            if isinstance(one, ResultTimeout | ExecutionNotFound):
                raise one
        return found

    def _reader_of(self, name: str) -> Callable[[bytes], Any]:
        from stook.wiring.targets import Targets  # noqa: PLC0415 - loaded with the store

        if name in self.tasks:
            return self.tasks[name].reader
        return Targets.reader_of(self.definitions.get(name))


class BlockingExecuting:
    """The same, of `App.sync`."""

    _app: Any

    def get(self, id: object) -> ExecutionInfo:  # noqa: A002 - as its twin
        """`Executing.get`, blocking."""
        found: ExecutionInfo = finished(self._app._get(Blocked(*self._app.opened()), id))  # noqa: SLF001 - its twin
        return found

    def list(
        self,
        *,
        task: AnyTask | None = None,
        queue: str | None = None,
        state: str | Sequence[str] | None = None,
        tag: str | None = None,
        batch_id: str | None = None,
        dedupe_key: str | None = None,
        after: object = None,
        limit: int = 100,
    ) -> Infos:
        """`Executing.list`, blocking."""
        by = filter_of(task, queue, state, tag, batch_id, dedupe_key)
        found: Infos = finished(
            self._app._list(Blocked(*self._app.opened()), by, after, limit)  # noqa: SLF001 - its twin
        )
        return found

    def wait(self, ids: Ids, timeout: Duration | None = None) -> Infos:
        """`Executing.wait`, blocking."""
        found: Infos = finished(
            self._app._wait(Blocked(*self._app.opened()), ids, timeout)  # noqa: SLF001 - its twin
        )
        return found

    def cancel(
        self,
        id: object,  # noqa: A002 - as its twin
        *,
        dedupe_key: str | None = None,
        reason: str = CANCELLED,
        cancel_children: bool = True,
        connection: Any = None,
    ) -> bool:
        """`Executing.cancel`, blocking."""
        way = Blocked(*self._app.opened())
        coroutine = self._app._cancel(way, id, dedupe_key, reason, connection, children=cancel_children)  # noqa: SLF001
        found: bool = finished(coroutine)
        return found

    def retry(
        self,
        ids: Ids | None = None,
        *,
        task: AnyTask | None = None,
        queue: str | None = None,
        state: str | Sequence[str] | None = None,
        tag: str | None = None,
        batch_id: str | None = None,
        dedupe_key: str | None = None,
    ) -> int:
        """`Executing.retry`, blocking."""
        by = filter_of(task, queue, state, tag, batch_id, dedupe_key)
        found: int = finished(self._app._retry(Blocked(*self._app.opened()), ids, by))  # noqa: SLF001 - its twin
        return found

    def cancel_many(
        self,
        ids: Ids | None = None,
        *,
        task: AnyTask | None = None,
        queue: str | None = None,
        state: str | Sequence[str] | None = None,
        tag: str | None = None,
        batch_id: str | None = None,
        dedupe_key: str | None = None,
        reason: str = CANCELLED,
        cancel_children: bool = True,
    ) -> int:
        """`Executing.cancel_many`, blocking."""
        by = filter_of(task, queue, state, tag, batch_id, dedupe_key)
        way = Blocked(*self._app.opened())
        found: int = finished(self._app._cancel_many(way, ids, by, reason, children=cancel_children))  # noqa: SLF001
        return found


async def _end(
    session: Session, text: str | None, read: Callable[[bytes], R], timeout: float | None, *, prunes: bool
) -> R:
    if text is None:
        raise Throttled("the invocation was throttled: there is no execution")
    executions = session.executions
    try:
        return await executions.result(text, read, timeout, prunes=prunes)
    except NotFound as error:
        raise ExecutionNotFound(f"no such execution: {text!r}", hint=error.hint) from None
    except ExecutionCancelled:
        reason = (await executions.get(text)).reason
        said = "" if reason is None else f": {reason}"
        raise ExecutionCancelled(f"execution {text} was cancelled{said}", reason=reason) from None
