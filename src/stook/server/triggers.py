"""Events that are emitted, and schedules of the key's project."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import NotFound, OptionError, UnknownTask
from stook.core.ids import parse_id
from stook.core.payload import encode
from stook.engine.triggers import new_schedule
from stook.server.call import answer
from stook.server.route import Route
from stook.server.shown import action_of
from stook.wire.stamp import stamp
from stook.wire.trigger import (
    Emit,
    Emitted,
    PutSchedule,
    Schedule,
    ScheduleActed,
    ScheduleChanged,
    ScheduleName,
    SchedulePage,
    ScheduleQuery,
    UnscheduleQuery,
)

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.core.schedule import Schedule as View
    from stook.server.call import Call

__all__ = ["ROUTES"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def emit_event(call: Call) -> Response:
    body = await call.body(Emit, call.tenant.engine.blobs.most + call.services.limits.body_bytes)
    made = await call.tenant.engine.emit(body.name, encode(body.payload), event_id=_event_id(body.id))
    return answer(Emitted(made), 201)


async def list_schedules(call: Call) -> Response:
    query = call.query(ScheduleQuery)
    return answer(SchedulePage([_shown(one) for one in await call.tenant.engine.schedules(query.task)]))


async def put_schedule(call: Call) -> Response:
    """`UnknownTask` for one that no worker has told of."""
    body = await call.body(PutSchedule, call.tenant.engine.blobs.most + call.services.limits.body_bytes)
    if body.task not in {one.name for one in await call.tenant.catalogue.list()}:
        raise UnknownTask(f"no such task: {body.task!r}", hint="a worker that knows it has to start once")
    new = new_schedule(
        body.name,
        body.cron,
        encode(body.payload),
        tz=body.tz,
        priority=body.priority,
        missed=body.missed,
        overlap=body.overlap,
    )
    by = call.recording("schedule", None, _scope(body.task, body.name))
    made = await call.tenant.engine.schedule(body.task, new, by=by)
    return answer(ScheduleChanged(_shown(made), action_of(by.action)))


async def delete_schedule(call: Call) -> Response:
    query = call.query(UnscheduleQuery)
    by = call.recording("unschedule", None, _scope(query.task, query.name))
    removed = await call.tenant.engine.unschedule(query.task, query.name, cancel_running=query.cancel_running, by=by)
    return answer(ScheduleActed(removed, action_of(by.action)))


async def pause_schedule(call: Call) -> Response:
    body = await call.body(ScheduleName)
    by = call.recording("pause schedule", None, _scope(body.task, body.name))
    made = await call.tenant.engine.pause_schedule(body.task, body.name, by=by)
    return answer(ScheduleChanged(_shown(made), action_of(by.action)))


async def resume_schedule(call: Call) -> Response:
    body = await call.body(ScheduleName)
    by = call.recording("resume schedule", None, _scope(body.task, body.name))
    made = await call.tenant.engine.resume_schedule(body.task, body.name, by=by)
    return answer(ScheduleChanged(_shown(made), action_of(by.action)))


def _event_id(text: str | None) -> bytes | None:
    try:
        return None if text is None else parse_id(text)
    except NotFound:
        raise OptionError(f"id={text!r} is no UUID", hint="leave it out, and the event is given one") from None


def _scope(task: str, name: str) -> str:
    return f"schedule {name} of {task}"[:200]


def _shown(view: View) -> Schedule:
    given = msgspec.structs.asdict(view)
    given["payload"] = msgspec.Raw(encode(view.payload))
    given["next_at"], given["last_at"] = _stamp(view.next_at), _stamp(view.last_at)
    return Schedule(**given)


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else stamp((at - _EPOCH) // timedelta(microseconds=1))


ROUTES = [
    Route(
        method="POST",
        path="/api/v1/events",
        name="emit_event",
        scope="submit",
        handler=emit_event,
        summary="Emit an event: the tasks that listen to it start, who waits for it goes on",
        body=Emit,
        answers=((201, Emitted),),
    ),
    Route(
        method="GET",
        path="/api/v1/schedules",
        name="list_schedules",
        scope="read",
        handler=list_schedules,
        summary="Schedules, by task and name",
        query=ScheduleQuery,
        answers=((200, SchedulePage),),
    ),
    Route(
        method="PUT",
        path="/api/v1/schedules",
        name="put_schedule",
        scope="operate",
        handler=put_schedule,
        summary="Make a schedule, or replace the one of that name",
        body=PutSchedule,
        answers=((200, ScheduleChanged),),
    ),
    Route(
        method="DELETE",
        path="/api/v1/schedules",
        name="delete_schedule",
        scope="operate",
        handler=delete_schedule,
        summary="Remove a schedule, and cancel what it started",
        query=UnscheduleQuery,
        answers=((200, ScheduleActed),),
    ),
    Route(
        method="POST",
        path="/api/v1/schedules/pause",
        name="pause_schedule",
        scope="operate",
        handler=pause_schedule,
        summary="Let ticks of a schedule pass",
        body=ScheduleName,
        answers=((200, ScheduleChanged),),
    ),
    Route(
        method="POST",
        path="/api/v1/schedules/resume",
        name="resume_schedule",
        scope="operate",
        handler=resume_schedule,
        summary="Go on with a schedule, from its next tick",
        body=ScheduleName,
        answers=((200, ScheduleChanged),),
    ),
]
