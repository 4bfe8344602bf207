"""Cancelling and retrying executions by their ids, or all that filters let pass."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stook.core.errors import OptionError
from stook.core.ids import batch_of, index_of, parse_id
from stook.core.retry_scope import RETRYABLE, RetryScope
from stook.core.stored_key import stored_key
from stook.engine.invoked import InvokedExecutions
from stook.engine.recording import write_recorded
from stook.store.script.cancel_executions import cancel_executions, cancel_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from stook.engine.acting import Acting
    from stook.engine.invoked import Filter
    from stook.engine.recording import Recording
    from stook.store.statement import Script

    Noted = Callable[[bytes], Recording]

__all__ = ["InvokedActs"]


class InvokedActs:
    """A transaction for each batch that is touched; `noted` makes the record of what is done to one of them. Either
    ids are given or a filter, else `OptionError`. `NotFound` for an id of no batch."""

    def __init__(self, engine: Acting) -> None:
        self._engine = engine

    async def cancel(
        self,
        ids: Sequence[str] | None,
        by: Filter,
        *,
        reason: str,
        children: bool = True,
        noted: Noted | None = None,
    ) -> int:
        """How many end cancelled because of this call."""
        done = 0
        async for batch_id, indexes in self._places(ids, by):
            act = partial(
                cancel_executions, batch_id, indexes, reason=reason, project=self._engine.project, children=children
            )
            note = None if noted is None else noted(batch_id)
            done += await write_recorded(self._engine.store, note, partial(_counted, act), affected=int, returns=int)
        return done

    async def cancel_holder(
        self, task: str, dedupe_key: str, *, reason: str, children: bool = True, note: Recording | None = None
    ) -> bool:
        """Of the key, whoever that is when it is cancelled."""
        key = stored_key("dedupe_key", dedupe_key)
        act = partial(cancel_holder, self._engine.project, task, key, reason=reason, children=children)
        return await write_recorded(self._engine.store, note, act, affected=int, returns=bool)

    async def retry(self, ids: Sequence[str] | None, by: Filter, *, noted: Noted | None = None) -> int:
        """How many there were that had failed, were cancelled or had expired."""
        done = 0
        async for batch_id, indexes in self._places(ids, by):
            scope = RetryScope(states=RETRYABLE, indexes=tuple(indexes))
            done += await self._engine.retry(batch_id, scope, by=None if noted is None else noted(batch_id))
        return done

    async def _places(self, ids: Sequence[str] | None, by: Filter) -> AsyncIterator[tuple[bytes, list[int]]]:
        if (ids is None) == by.empty:
            raise OptionError("give ids, or at least one filter", hint='task="…" for all of one task')
        if ids is None:
            async for place in InvokedExecutions(self._engine).places(by):
                yield place
            return
        of_batch: dict[bytes, list[int]] = {}
        for text in ids:
            raw = parse_id(text)
            of_batch.setdefault(batch_of(raw), []).append(index_of(raw))
        for found in of_batch.items():
            yield found


def _counted(act: Callable[[], Script[list[int]]]) -> Script[int]:
    return len((yield from act()))
