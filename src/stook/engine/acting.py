"""What operators do to what is there. With `by`, each is recorded in the transaction that does it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stook.core.errors import OptionError
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.engine.new_inputs import merged_inputs, new_inputs
from stook.engine.options import check_count
from stook.engine.quota import Quotas
from stook.engine.reading import Reading
from stook.engine.recording import write_recorded
from stook.store.script.acted import cancel_counted
from stook.store.script.cancel_items import CancelledItems, cancel_items, cancel_where
from stook.store.script.change import Touched, edit_item, skip_item
from stook.store.script.delete import delete
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_batch_limit
from stook.store.script.read.limits import LimitRow, project_limits
from stook.store.script.retry import retry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.core.retry_scope import RetryScope
    from stook.core.terms import TermsChange
    from stook.engine.blobs import Blobs
    from stook.engine.recording import Recording
    from stook.store.port import Store
    from stook.store.script.read.narrowed import Narrow

__all__ = ["Acting"]


class Acting(Reading):
    """Twice is once, unless an act says otherwise."""

    def __init__(self, store: Store, blobs: Blobs, project: str) -> None:
        super().__init__(store, blobs, project)
        self.quotas = Quotas(store, project)

    async def cancel(
        self,
        batch_id: bytes,
        *,
        hard: bool = False,
        reason: str = "cancelled by user",
        by: Recording | None = None,
    ) -> int:
        """How many executions ended, or are being stopped."""
        act = partial(cancel_counted, batch_id, hard=hard, reason=reason)
        return await write_recorded(self.store, by, act, affected=int, returns=int)

    async def cancel_items(
        self, batch_id: bytes, indexes: Sequence[int], *, by: Recording | None = None
    ) -> CancelledItems:
        act = partial(cancel_items, batch_id, indexes)
        return await write_recorded(self.store, by, act, affected=_cancelled, returns=CancelledItems)

    async def pause(self, batch_id: bytes, *, reason: str = "paused by user", by: Recording | None = None) -> None:
        await write_recorded(self.store, by, partial(pause, batch_id, reason=reason))

    async def resume(self, batch_id: bytes, *, ramp: bool = True, by: Recording | None = None) -> None:
        await write_recorded(self.store, by, partial(resume, batch_id, ramp=ramp))

    async def cancel_where(self, batch_id: bytes, where: Narrow, *, by: Recording | None = None) -> CancelledItems:
        """What waits or runs of those that the filters let pass."""
        act = partial(cancel_where, batch_id, where)
        return await write_recorded(self.store, by, act, affected=_cancelled, returns=CancelledItems)

    async def retry(
        self,
        batch_id: bytes,
        scope: RetryScope,
        *,
        probe: int | None = None,
        overrides: Mapping[int, bytes] | None = None,
        merge: bytes | None = None,
        by: Recording | None = None,
    ) -> int:
        """How many executions were queued now. `overrides` are new inputs, by index, of executions in scope: any other
        is an `OptionError`. `merge` is a JSON merge patch (an object) of the inputs of all in scope, which must be
        objects; what comes into scope meanwhile runs unchanged. Inputs are checked against the task's schema."""
        check_count("probe", probe, hint="leave it out to take up all at once")
        if overrides and merge is not None:
            raise OptionError("give overrides or merge, not both")
        given = overrides
        if merge is not None:
            given = await merged_inputs(self.store, self.blobs, batch_id, scope, merge)
        new = await new_inputs(self.store, self.blobs, self.project, batch_id, given) if given else ()
        act = partial(retry, batch_id, scope, probe=probe, inputs=new, exact=merge is None, actor=_actor(by))
        return await write_recorded(self.store, by, act, affected=int, returns=int)

    async def edit(
        self, batch_id: bytes, index: int, payload: bytes, *, again: bool = True, by: Recording | None = None
    ) -> Touched:
        """A new input for its next attempt: of one that waits, or that ended badly, which with `again` has one now.
        `PayloadError` where the task's schema does not take it."""
        (new,) = await new_inputs(self.store, self.blobs, self.project, batch_id, {index: payload})
        act = partial(edit_item, batch_id, new, again=again, actor=_actor(by))
        return await write_recorded(self.store, by, act, affected=_done, returns=Touched)

    async def skip(
        self, batch_id: bytes, index: int, *, reason: str = "skipped by user", by: Recording | None = None
    ) -> Touched:
        """One that waits, or has failed, ends as cancelled."""
        act = partial(skip_item, batch_id, index, reason=reason, actor=_actor(by))
        return await write_recorded(self.store, by, act, affected=_done, returns=Touched)

    async def delete(self, batch_id: bytes, *, by: Recording | None = None) -> None:
        """Out of sight at once; maintenance removes the rows."""
        await write_recorded(self.store, by, partial(delete, batch_id))

    async def limit(self, batch_id: bytes, max_concurrency: int | None, *, by: Recording | None = None) -> None:
        check_count("max_concurrency", max_concurrency, hint="pause the batch instead")
        await write_recorded(self.store, by, partial(set_batch_limit, batch_id, max_concurrency))

    async def change_limits(
        self,
        *,
        queue: str | None = None,
        task: str | None = None,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        paused: bool | None = None,
        weight: float | None = None,
        terms: TermsChange | None = None,
        by: Recording | None = None,
    ) -> LimitRow:
        """Of the project, or one of its queues or tasks, from the next claim on; what is not given stays. `terms`
        (keyed limits, rates, hours) are a task's alone, and hold until its definition has others. Answers with what
        holds now."""
        return await self.quotas.change(
            queue=queue, task=task, max_concurrency=max_concurrency, paused=paused, weight=weight, terms=terms, by=by
        )

    async def limits(self) -> Sequence[LimitRow]:
        """Of the project first, then its queues and tasks that have one, by name."""
        return await self.store.read(project_limits, self.project)


def _actor(by: Recording | None) -> str | None:
    return None if by is None else by.note.actor


def _cancelled(items: CancelledItems) -> int:
    return len(items.ended) + len(items.asked)


def _done(touched: Touched) -> int:
    return int(touched.done)
