"""Retrying by hand what ended badly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import OptionError
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.script.change import NewInput, change_inputs
from stook.store.script.needs_code import needs_code
from stook.store.script.probe import Probe
from stook.store.script.reopen import check_reopens, in_scope, reopen
from stook.store.statement import Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.retry_scope import RetryScope
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Script

__all__ = ["retry"]


def retry(
    batch_id: bytes,
    scope: RetryScope,
    *,
    probe: int | None = None,
    inputs: Sequence[NewInput] = (),
    exact: bool = True,
    actor: str | None = None,
) -> Script[int]:
    """Reopens the batch for the executions of `scope`; returns how many were queued now. With `probe`, so many go
    first and the rest follows on its own once half of them have succeeded. What is not in `scope` any more (already
    retried) is passed over; a batch being cancelled is a `Conflict`, and so is one whose deployment is gone. `inputs`
    are new ones, for executions in scope: any other is an `OptionError`, or, with `exact` False, passed over."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    check_reopens(batch)
    yield from needs_code(batch.task)
    if inputs:
        yield from _change(batch, now, scope, inputs, exact=exact, actor=actor)
    count, end = yield from reopen(batch, now, scope, probe)
    if count and probe is not None and count == probe:
        batch.probe = msgspec.json.encode(Probe(scope, count, count, end)).decode()
    yield from save_batches([batch])
    return count


def _change(
    batch: BatchRow, now: int, scope: RetryScope, inputs: Sequence[NewInput], *, exact: bool, actor: str | None
) -> Script[None]:
    """Nothing in scope can be claimed: it has ended."""
    chunks, _ = yield from in_scope(batch, scope)
    there = {first + offset for first, _, offsets in chunks for offset in offsets}
    strange = [one.index for one in inputs if one.index not in there]
    if strange and exact:
        raise OptionError(
            f"execution {strange[0]} is given a new input, and is none of those to be retried",
            index=strange[0],
            hint="its state or a filter leaves it out",
        )
    chosen = [one for one in inputs if one.index in there]
    if chosen:
        yield from change_inputs(batch, now, chosen, actor)
