"""Cancelling hosted executions, alone or with their batch, with what they are to have come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.given_output import Form
from stook.core.phase import Stop
from stook.core.states import TERMINAL, State
from stook.store.script.acted import cancel_counted
from stook.store.script.batch_row import lock_batch, no_such_batch, save_batches
from stook.store.script.cancel_executions import cancel_executions
from stook.store.script.given_output import WHOLE, put_output
from stook.store.statement import Each

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["CancelledBatch", "Stopped", "cancel_hosted", "cancel_hosted_batch"]


class Stopped(msgspec.Struct, frozen=True):
    """`done`: because of this. Else it had ended in `state`, or is being cancelled already."""

    done: bool
    state: State
    running: bool = False
    """It is being stopped, and has not ended yet."""


def cancel_hosted(batch_id: bytes, index: int, *, output: str | None, reason: str, project: str) -> Script[Stopped]:
    """As `cancel_executions`, of one."""
    batch = yield from lock_batch(batch_id)
    if batch.project != project or not 0 <= index < batch.total:
        raise no_such_batch(batch_id)
    if batch.stop not in (Stop.hard.value, Stop.expire.value):
        before = yield from _byte(batch_id, index)
        if before not in TERMINAL and before is not State.cancelling:
            yield from put_output(batch, index, _form(output), output)
            yield from save_batches([batch])
            yield from cancel_executions(batch_id, [index], reason=reason)
            after = yield from _byte(batch_id, index)
            return Stopped(done=True, state=after, running=after is State.cancelling)
    state = yield from _byte(batch_id, index)
    running = state not in TERMINAL
    return Stopped(done=False, state=State.cancelling if running else state, running=running)


class CancelledBatch(msgspec.Struct, frozen=True):
    """`count` executions have ended by it, or are being stopped; `running`: some of these are."""

    running: bool
    count: int


def cancel_hosted_batch(
    batch_id: bytes, *, output: str | None, reason: str, project: str
) -> Script[CancelledBatch | None]:
    """Hard. None: it had ended. Again, while it is being stopped, changes nothing, not even the output."""
    batch = yield from lock_batch(batch_id)
    if batch.project != project:
        raise no_such_batch(batch_id)
    if batch.ended_phase:
        return None
    count = 0
    if batch.stop != Stop.hard.value:
        yield from put_output(batch, WHOLE, _form(output), output)
        yield from save_batches([batch])
        count = yield from cancel_counted(batch_id, hard=True, reason=reason)
        batch = yield from lock_batch(batch_id)
    return CancelledBatch(not batch.ended_phase, count)


def _byte(batch_id: bytes, index: int) -> Script[State]:
    found: list[Row] = yield Each("find_chunk", [(batch_id, index)])
    first: int = found[0][1]
    rows: list[Row] = yield Each("read_state", [(batch_id, first)])
    return State(rows[0][2][index - first])


def _form(output: str | None) -> Form:
    return Form.nothing if output is None else Form.itself
