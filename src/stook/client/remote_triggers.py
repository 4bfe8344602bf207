"""Events and schedules of a server's project, as `stook.engine.triggers` has those of a store."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from stook.client import trigger_calls as calls
from stook.core.payload import decode
from stook.core.schedule import Schedule
from stook.wire.trigger import PutSchedule

if TYPE_CHECKING:
    from stook.client.connection import Connection
    from stook.store.script.schedule_row import NewSchedule
    from stook.wire.trigger import Schedule as Shape

__all__ = ["RemoteTriggers"]


class RemoteTriggers:
    """Every method is one call of the API."""

    _connection: Connection

    async def emit(self, name: str, payload: bytes) -> str:
        return (await self._connection.send(calls.emit(name, payload))).id

    async def schedule(self, task: str, new: NewSchedule) -> Schedule:
        body = PutSchedule(
            task=task,
            name=new.name,
            cron=new.expr,
            payload=msgspec.Raw(new.payload),
            tz=new.tz,
            priority=new.priority,
            missed=new.missed,
            overlap=new.overlap,
        )
        return _shown((await self._connection.send(calls.put_schedule(body))).schedule)

    async def unschedule(self, task: str, name: str, *, cancel_running: bool = True) -> bool:
        call = calls.delete_schedule(task, name, cancel_running=cancel_running)
        return (await self._connection.send(call)).removed

    async def schedules(self, task: str | None = None) -> list[Schedule]:
        return [_shown(one) for one in (await self._connection.send(calls.schedules(task))).data]

    async def pause_schedule(self, task: str, name: str) -> Schedule:
        return _shown((await self._connection.send(calls.pause_schedule(task, name))).schedule)

    async def resume_schedule(self, task: str, name: str) -> Schedule:
        return _shown((await self._connection.send(calls.resume_schedule(task, name))).schedule)


def _shown(shape: Shape) -> Schedule:
    given = msgspec.structs.asdict(shape)
    given["payload"] = decode(bytes(shape.payload))
    for name in ("next_at", "last_at"):
        if given[name] is not None:
            given[name] = datetime.fromisoformat(given[name])
    return Schedule(**given)
