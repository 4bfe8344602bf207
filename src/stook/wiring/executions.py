"""Executions of an app's project, as its store has them: what is asked of them by id or by filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from stook.client.execution import AsyncExecution
from stook.client.waiting import ItemBells
from stook.core.ids import batch_of, index_of, parse_id
from stook.engine.execution_facts import facts_of
from stook.engine.invoked import InvokedExecutions
from stook.engine.invoked_acts import InvokedActs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.engine.execution_facts import Facts
    from stook.engine.invoked import Filter
    from stook.engine.service import Engine

__all__ = ["Executions", "LocalExecutions"]

R = TypeVar("R")


class Executions(Protocol):
    """`NotFound` for an id of nothing. Either ids or a filter that is not empty, else `OptionError`."""

    async def get(self, text: str) -> Facts: ...

    async def page(self, by: Filter, *, after: str | None, limit: int) -> list[Facts]: ...

    async def cancel(self, ids: Sequence[str] | None, by: Filter, *, reason: str, children: bool) -> int: ...

    async def cancel_holder(self, task: str, dedupe_key: str, *, reason: str, children: bool) -> bool: ...

    async def retry(self, ids: Sequence[str] | None, by: Filter) -> int: ...

    async def result(self, text: str, read: Callable[[bytes], R], timeout: float | None, *, prunes: bool) -> R:
        """Once it has ended. `prunes`: its task does not keep what has ended for ever."""
        ...


class LocalExecutions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found = InvokedExecutions(engine)
        self._acts = InvokedActs(engine)

    async def get(self, text: str) -> Facts:
        return facts_of(await self._found.get(text))

    async def page(self, by: Filter, *, after: str | None, limit: int) -> list[Facts]:
        return [facts_of(one) for one in await self._found.page(by, after=after, limit=limit)]

    async def cancel(self, ids: Sequence[str] | None, by: Filter, *, reason: str, children: bool) -> int:
        return await self._acts.cancel(ids, by, reason=reason, children=children)

    async def cancel_holder(self, task: str, dedupe_key: str, *, reason: str, children: bool) -> bool:
        return await self._acts.cancel_holder(task, dedupe_key, reason=reason, children=children)

    async def retry(self, ids: Sequence[str] | None, by: Filter) -> int:
        return await self._acts.retry(ids, by)

    async def result(self, text: str, read: Callable[[bytes], R], timeout: float | None, *, prunes: bool) -> R:
        raw = parse_id(text)
        waiter = ItemBells(self._engine, prunes=prunes)
        return await AsyncExecution(self._engine, waiter, batch_of(raw), index_of(raw), read).result(timeout)
