"""Executions as those see them who invoke: found by id or by filters, whatever batch they are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import ExecutionNotFound, NotFound, OptionError
from stook.core.extras import NO_EXTRAS, ItemExtras, read_extras
from stook.core.ids import batch_of, execution_id, index_of, parse_id
from stook.core.states import TERMINAL, State
from stook.core.stored_key import stored_key
from stook.core.wait import Awaited
from stook.store.script.read.execution_view import ExecutionView
from stook.store.script.read.invoked import invoked_batches, read_holders, read_own
from stook.store.script.read.limit import check_limit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.engine.reading import Reading

__all__ = ["Filter", "Invoked", "InvokedExecutions", "states_of"]

_PAGE: Final = 100
_BITE: Final = 1000
_ALL: Final = frozenset(State) - {State.cancelling}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Joined by and; what is None lets everything pass."""

    task: str | None = None
    queue: str | None = None
    states: frozenset[State] | None = None
    tag: str | None = None
    batch_id: bytes | None = None
    dedupe_key: str | None = None

    @property
    def empty(self) -> bool:
        return self == Filter()


class Invoked(msgspec.Struct):
    view: ExecutionView
    extras: ItemExtras
    dedupe_key: str | None = None
    """That it holds."""
    reason: str | None = None
    """Of its cancellation."""
    waiting_on: Sequence[Awaited] = ()
    why: Sequence[str] = ()


class InvokedExecutions:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def get(self, text: str, *, why: bool = True) -> Invoked:
        """`ExecutionNotFound` if there is none of this id in the project."""
        try:
            raw = parse_id(text)
            view = await self._reading.item(batch_of(raw), index=index_of(raw))
        except NotFound as error:
            raise ExecutionNotFound(f"no such execution: {text!r}", hint=error.hint) from None
        if view.batch.project != self._reading.project:
            raise ExecutionNotFound(f"no such execution: {text!r}", hint="it may be another project's")
        return await self._with_own(view, why=why)

    async def page(self, by: Filter, *, after: str | None = None, limit: int = 100) -> list[Invoked]:
        """In the order of their ids, behind the one with the id `after`."""
        check_limit(limit)
        found: list[Invoked] = []
        async for view in self._views(by, after):
            found.append(await self._with_own(view, why=False))
            if len(found) == limit:
                break
        return found

    async def places(self, by: Filter) -> AsyncIterator[tuple[bytes, list[int]]]:
        """Of all that the filters let pass, a batch after the other, in bites."""
        if by.dedupe_key is not None:
            async for view in self._views(by, None):
                yield view.item.batch_id, [view.item.index]
            return
        async for batch_id, at in self._batches(by, None):
            after: int | None = at
            while after is not None:
                page = await self._reading.executions(
                    batch_id, states=by.states or _ALL, tag=by.tag, after=after, limit=_BITE
                )
                if page.rows:
                    yield batch_id, [row.index for row in page.rows]
                after = page.after

    async def _views(self, by: Filter, after: str | None) -> AsyncIterator[ExecutionView]:
        if by.dedupe_key is not None:
            key = stored_key("dedupe_key", by.dedupe_key)
            places = await self._reading.store.read(read_holders, self._reading.project, by.task, key)
            for batch_id, index in places:
                if after is None or execution_id(batch_id, index) > after:
                    view = await self._reading.item(batch_id, index=index)
                    if _passes(view, by):
                        yield view
            return
        async for batch_id, at in self._batches(by, after):
            start: int | None = at
            while start is not None:
                page = await self._reading.executions(
                    batch_id, states=by.states or _ALL, tag=by.tag, after=start, limit=_PAGE
                )
                for row in page.rows:
                    yield await self._reading.item(batch_id, index=row.index)
                start = page.after

    async def _batches(self, by: Filter, after: str | None) -> AsyncIterator[tuple[bytes, int]]:
        """(batch, index to begin at)."""
        raw = None if after is None else parse_id(after)
        if by.batch_id is not None:
            view = await self._reading.show(by.batch_id)
            if raw is not None and batch_of(raw) > by.batch_id:
                return
            if by.task in (None, view.task) and by.queue in (None, view.queue):
                yield by.batch_id, index_of(raw) + 1 if raw is not None and batch_of(raw) == by.batch_id else 0
            return
        live = by.states is not None and not by.states & TERMINAL
        at, index = (b"", 0) if raw is None else (batch_of(raw), index_of(raw) + 1)
        while ids := await self._reading.store.read(
            invoked_batches, self._reading.project, by.task, by.queue, live=live, begin=at, limit=_PAGE
        ):
            for one in ids:
                yield one, index if one == at else 0
            at, index = (int.from_bytes(ids[-1], "big") + 1).to_bytes(16, "big"), 0

    async def _with_own(self, view: ExecutionView, *, why: bool) -> Invoked:
        item = view.item
        text, first, key = await self._reading.store.read(read_own, item.batch_id, item.index)
        offset = item.index - first
        extras = NO_EXTRAS if text is None else read_extras(text, [offset])
        found = Invoked(view, extras.get(offset, ItemExtras()), key)
        if item.state is State.cancelled:
            said = [one.reason for one in view.changes if one.kind in ("cancel", "skip")]
            found.reason = said[-1] if said else view.batch.reason
        if item.state is State.suspended:
            found.waiting_on = await self._reading.awaited(item.batch_id, item.index)
        if why and item.state is State.suspended:
            found.why = await self._reading.why_suspended(item.batch_id, item.index)
        elif why and item.state in (State.queued, State.scheduled):
            found.why = await self._reading.why_waits(item.batch_id, first, item.index)
        return found


def _passes(view: ExecutionView, by: Filter) -> bool:
    if by.states is not None and view.item.state not in by.states:
        return False
    if by.tag is not None and by.tag not in view.item.tags:
        return False
    if by.batch_id is not None and view.item.batch_id != by.batch_id:
        return False
    return by.queue in (None, view.batch.queue)


def states_of(given: object) -> frozenset[State] | None:
    """Of a state's name, or several. `OptionError` for what is none."""
    if given is None:
        return None
    names = [given] if isinstance(given, str) else given
    shown = {one.name: one for one in State if one is not State.cancelling}
    if not isinstance(names, Sequence | set | frozenset) or not all(
        isinstance(one, str) and one in shown for one in names
    ):
        raise OptionError(f"state={given!r} is no state", hint=f"there are {', '.join(shown)}")
    return frozenset(shown[one] for one in names)
