"""What handlers of workers afar ask of the rest of stook: done in the project of their worker's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from stook.core.errors import NotFound, OptionError
from stook.core.ids import batch_of, index_of, parse_id
from stook.core.payload_check import validate_many
from stook.engine.triggers import new_schedule
from stook.store.script.batch_row import read_batch
from stook.store.script.cancel_executions import cancel_executions
from stook.wire.outside import CancelExecution, Done, DropSchedule, EmitEvent, PutSchedule

if TYPE_CHECKING:
    from stook.engine.service import Engine
    from stook.wire.outside import Asked

__all__ = ["do_outside"]


async def do_outside(engine: Engine, asked: Asked) -> Done:
    match asked:
        case EmitEvent():
            [payload] = validate_many([asked.payload])
            return Done(done=True, id=await engine.emit(asked.name, payload, trace=asked.trace))
        case CancelExecution():
            return Done(done=await _cancel(engine, asked))
        case PutSchedule():
            [payload] = validate_many([asked.payload])
            new = new_schedule(
                asked.name,
                asked.cron,
                payload,
                tz=asked.tz,
                priority=asked.priority,
                missed=asked.missed,
                overlap=asked.overlap,
            )
            await engine.schedule(asked.task, new)
            return Done(done=True)
        case DropSchedule():
            dropped = await engine.unschedule(asked.task, asked.name, cancel_running=asked.cancel_running)
            return Done(done=dropped)
        case unknown:
            assert_never(unknown)


async def _cancel(engine: Engine, asked: CancelExecution) -> bool:
    """One of another project is not known here."""
    try:
        raw = parse_id(asked.execution)
        row = await engine.store.read(read_batch, batch_of(raw))
        if row.project != engine.project:
            return False
        found = await engine.store.write(
            cancel_executions, row.id, [index_of(raw)], reason=asked.reason, children=asked.children
        )
    except (NotFound, OptionError):
        return False
    return bool(found)
