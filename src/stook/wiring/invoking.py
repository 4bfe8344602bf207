"""Invoking tasks: one execution a call, or many."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from collections.abc import Mapping as MappingABC
from typing import TYPE_CHECKING, Any, TypeVar

from stook.core.errors import InvokeError, InvokeManyError, OptionError, StookError
from stook.core.ids import execution_id
from stook.core.invocation import DEDUPE_MODES
from stook.wiring.executing import BlockingExecuting, Executing
from stook.wiring.invocation import Invocation, Invocations
from stook.wiring.item import Item, Mistaken, item_of
from stook.wiring.way import Awaited, Blocked, finished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from stook.core.invocation import Dedupe
    from stook.core.moments import Duration, When
    from stook.core.periods import Debounce, Throttle
    from stook.wiring.definitions import TaskDef
    from stook.wiring.item import Bare
    from stook.wiring.session import Session
    from stook.wiring.targets import Target, Targets
    from stook.wiring.task import Task
    from stook.wiring.way import Way

    AnyTask = Task[..., Any, Any] | TaskDef | str

__all__ = ["BlockingInvoking", "Invoking"]

T = TypeVar("T")
CHUNK = 10_000


class Invoking(Executing):
    """Coroutines of `App`."""

    _known: tuple[Session, Targets] | None = None

    async def invoke(
        self,
        task: AnyTask,
        payload: Any = None,
        *,
        queue: str | None = None,
        run_at: When | None = None,
        delay: Duration | None = None,
        priority: int = 0,
        dedupe_key: str | None = None,
        dedupe: Dedupe = "return_existing",
        dedupe_ttl: Duration | None = None,
        throttle: Duration | Throttle | None = None,
        debounce: Duration | Debounce | None = None,
        timeout: Duration | None = None,
        expires_in: Duration | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        connection: Any = None,
    ) -> Invocation[Any]:
        """One execution of the task, durable when this returns; a list is one payload.

        `run_at` (an aware datetime, or milliseconds since the epoch) or `delay`: not before. Higher `priority` (signed,
        32 bits) runs first. While an unfinished execution of the task holds `dedupe_key`, and `dedupe_ttl` seconds
        longer, a repeat answers with it and creates nothing; `dedupe="replace"` overwrites payload and options of one
        that was never started, `"supersede"` cancels the holder and creates anew, `"reject"` is `DuplicateKey`.
        `throttle` and `debounce` as in `Throttle` and `Debounce`; throttling is asked before the key. `timeout` is of
        each attempt; not started after `expires_in`, it expires. `queue` has to be the task's. With `connection`, a
        connection of the caller's, all of it belongs to the transaction there. Durations are seconds, or timedeltas.

        `UnknownTask`, `UnknownQueue`, `NotInvocable`, `PayloadValidationError`, `PayloadTooLarge`, `OptionError` come
        before anything is written."""
        item = Item(
            payload,
            queue=queue,
            run_at=run_at,
            delay=delay,
            priority=priority,
            dedupe_key=dedupe_key,
            dedupe=dedupe,
            dedupe_ttl=dedupe_ttl,
            throttle=throttle,
            debounce=debounce,
            timeout=timeout,
            expires_in=expires_in,
            tags=tags,
            metadata=metadata,
        )
        return await self._invoke(Awaited(*self.opened()), task, item, connection)

    async def invoke_many(
        self,
        task: AnyTask | None,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        atomic: bool = True,
        chunk_size: int = CHUNK,
        dedupe: Dedupe = "return_existing",
        name: str | None = None,
        connection: Any = None,
    ) -> Invocations[Any]:
        """An execution for each item, with a receipt for each, in their order. An item is an `Item`, or a mapping with
        its fields as keys and no others (a mapping with the key `payload` and other ones is `OptionError`); anything
        else is a payload. `task` is for items that name none; `dedupe` for
        those that say nothing else. What is created forms a batch, called `name`: one for each task named, since a
        batch has one task. Duplicates and throttled items only show in their receipts; equal keys fold into the last
        item.

        `atomic`: one transaction, in which everything is seen at once; an error means nothing was written, and has the
        item's `index` and all bad items in `errors`. Else a commit for each `chunk_size` items, as they come:
        `InvokeManyError` says how many were `committed` before the item `index`. No items: nothing is asked of the
        store."""
        way = Awaited(*self.opened())
        return await self._invoke_many(way, task, items, chunk_size, dedupe, name, connection, atomic=atomic)

    async def _invoke(self, way: Way, task: AnyTask, item: Item, connection: Any) -> Invocation[Any]:
        from stook.wiring.checked_items import checked_one  # noqa: PLC0415 - loaded with the store

        session, _ = self.opened()
        target = await self._target(way, session, task, item.queue)
        invokes = session.engine.invokes
        asked = checked_one(target, item, session.engine.blobs.most)
        try:
            if connection is None:
                receipt = await way.invoke_one(asked)
            else:
                from stook.store.script.invoke import invoke  # noqa: PLC0415 - loaded with the store

                groups = await way.run(invokes.plan([asked], single=True, inline=True))
                (receipt,) = await way.on_connection(connection, invoke, groups)
        except InvokeError as error:
            error.index = None  # there is but one
            raise
        return Invocation(self, receipt, target.read, prunes=target.prunes)

    async def _invoke_many(
        self,
        way: Way,
        task: AnyTask | None,
        items: Iterable[Any] | AsyncIterable[Any],
        chunk_size: int,
        dedupe: Dedupe,
        name: str | None,
        connection: Any,
        *,
        atomic: bool,
    ) -> Invocations[Any]:
        if not _is_many(items):
            raise OptionError(f"items={type(items).__name__} is one value, not many", hint="put it into a list")
        if dedupe not in DEDUPE_MODES:
            raise OptionError(f"dedupe={dedupe!r} is none of {', '.join(DEDUPE_MODES)}")
        if not isinstance(atomic, bool):
            raise OptionError(f"atomic={atomic!r} is neither True nor False")
        if type(chunk_size) is not int or chunk_size < 1:
            raise OptionError(f"chunk_size={chunk_size!r} is not a whole number ≥ 1")
        if not atomic:
            if connection is not None:
                raise OptionError("atomic=False commits in between, which a connection's transaction cannot")
            return await self._invoke_in_parts(way, task, items, chunk_size, dedupe, name)
        whole = await way.gathered(items) if isinstance(items, AsyncIterable) else items
        made = [item_of(one) for one in whole]
        return await self._invoke_all(way, task, made, dedupe, name, connection) if made else Invocations([], {})

    async def _invoke_all(
        self,
        way: Way,
        task: AnyTask | None,
        items: Sequence[Item | Bare],
        dedupe: Dedupe,
        name: str | None,
        connection: Any,
    ) -> Invocations[Any]:
        from stook.store.script.invoke import invoke  # noqa: PLC0415 - loaded with the store
        from stook.wiring.checked_items import checked_items  # noqa: PLC0415

        session, _ = self.opened()
        targets = await self._targets_of(way, session, task, items)
        asked = checked_items(targets, items, dedupe, session.engine.blobs.most)
        invokes = session.engine.invokes
        if connection is None:
            receipts, made = await way.run(invokes.many(asked, name=name))
        else:
            groups = await way.run(invokes.plan(asked, name=name, inline=True))
            receipts = await way.on_connection(connection, invoke, groups)
            there = {one.place[0] for one in receipts if one.created and one.place is not None}
            made = [group.new.id for group in groups if group.new.id in there]
        return self._invocations(asked, targets, receipts, made)

    async def _invoke_in_parts(
        self,
        way: Way,
        task: AnyTask | None,
        items: Iterable[Any] | AsyncIterable[Any],
        chunk_size: int,
        dedupe: Dedupe,
        name: str | None,
    ) -> Invocations[Any]:
        from stook.engine.invoking import Series  # noqa: PLC0415 - loaded with the store
        from stook.wiring.checked_items import checked_items  # noqa: PLC0415

        session, _ = self.opened()
        invokes, series = session.engine.invokes, Series()
        found: list[Invocation[Any]] = []
        try:
            async for part in _parts(way, items, chunk_size):
                targets = await self._targets_of(way, session, task, part)
                asked = checked_items(targets, part, dedupe, session.engine.blobs.most)
                receipts = await way.run(invokes.part(series, asked, name=name))
                found += self._invocations(asked, targets, receipts, ())
        except Exception as error:
            await way.run(invokes.end(series))
            at = error.index if isinstance(error, StookError) and error.index is not None else 0
            raise InvokeManyError(
                f"{len(found)} items were invoked, then: {error}",
                committed=len(found),
                index=len(found) + at,
                receipts=found,
            ) from error
        kept = await way.run(invokes.end(series))
        ids = {task: execution_id(one, 0) for task, one in series.batches.items() if one in kept}
        return Invocations(found, ids)

    async def _targets_of(
        self, way: Way, session: Session, task: AnyTask | None, items: Sequence[Item | Bare]
    ) -> list[Target | InvokeError]:
        """Of each item; an error in the place of one that there is not."""
        kept: dict[tuple[int, str | None], Target | InvokeError] = {}
        found: list[Target | InvokeError] = []
        for item in items:
            if type(item) is Mistaken:
                found.append(item.error)
                continue
            named = task if item.task is None else item.task
            key = (id(named) if not isinstance(named, str) else hash(named), item.queue)
            if key not in kept:
                try:
                    if named is None:
                        raise OptionError("no task is named", hint="name one for the call, or for each item")
                    kept[key] = await self._target(way, session, named, item.queue)
                except InvokeError as error:
                    kept[key] = error
            found.append(kept[key])
        return found

    async def _target(self, way: Way, session: Session, task: AnyTask, queue: str | None) -> Target:
        if self._known is None or self._known[0] is not session:
            self._known = (session, session.targets(self))
        targets = self._known[1]
        found = targets.local(task, queue)
        return await way.run(targets.find(task, queue)) if found is None else found

    def _invocations(self, asked: Any, targets: Any, receipts: Any, made: Sequence[bytes]) -> Invocations[Any]:
        found = [
            Invocation(self, receipt, target.read, prunes=target.prunes)
            for receipt, target in zip(receipts, targets, strict=True)
        ]
        left, ids = set(made), {}
        for one, receipt in zip(asked, receipts, strict=True):
            if not left:
                break
            if receipt.created and receipt.place[0] in left:
                left.remove(receipt.place[0])
                ids[one.task] = execution_id(receipt.place[0], 0)
        return Invocations(found, ids)


class BlockingInvoking(BlockingExecuting):
    """The same, of `App.sync`."""

    def __init__(self, app: Invoking) -> None:
        self._app: Any = app

    def invoke(
        self,
        task: AnyTask,
        payload: Any = None,
        *,
        queue: str | None = None,
        run_at: When | None = None,
        delay: Duration | None = None,
        priority: int = 0,
        dedupe_key: str | None = None,
        dedupe: Dedupe = "return_existing",
        dedupe_ttl: Duration | None = None,
        throttle: Duration | Throttle | None = None,
        debounce: Duration | Debounce | None = None,
        timeout: Duration | None = None,
        expires_in: Duration | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        connection: Any = None,
    ) -> Invocation[Any]:
        """`Invoking.invoke`, blocking; what can be asked of the answer is, blocking, under its `sync`."""
        item = Item(
            payload,
            queue=queue,
            run_at=run_at,
            delay=delay,
            priority=priority,
            dedupe_key=dedupe_key,
            dedupe=dedupe,
            dedupe_ttl=dedupe_ttl,
            throttle=throttle,
            debounce=debounce,
            timeout=timeout,
            expires_in=expires_in,
            tags=tags,
            metadata=metadata,
        )
        found: Invocation[Any] = finished(
            self._app._invoke(Blocked(*self._app.opened()), task, item, connection)  # noqa: SLF001 - its twin
        )
        return found

    def invoke_many(
        self,
        task: AnyTask | None,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        atomic: bool = True,
        chunk_size: int = CHUNK,
        dedupe: Dedupe = "return_existing",
        name: str | None = None,
        connection: Any = None,
    ) -> Invocations[Any]:
        """`Invoking.invoke_many`, blocking."""
        way = Blocked(*self._app.opened())
        found: Invocations[Any] = finished(
            self._app._invoke_many(way, task, items, chunk_size, dedupe, name, connection, atomic=atomic)  # noqa: SLF001
        )
        return found


def _is_many(items: object) -> bool:
    one = isinstance(items, str | bytes | bytearray | MappingABC)
    return not one and isinstance(items, Iterable | AsyncIterable)


async def _parts(way: Way, items: Iterable[Any] | AsyncIterable[Any], size: int) -> AsyncIterator[list[Item | Bare]]:
    """Up to `size` of them at a time, as they come."""
    part: list[Item | Bare] = []
    async for one in way.each(items):
        part.append(item_of(one))
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
