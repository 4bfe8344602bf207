"""Calls that emit events and handle schedules."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec

from stook.client.exact import reader
from stook.client.request import Request
from stook.wire.trigger import Emit, Emitted, PutSchedule, ScheduleActed, ScheduleChanged, ScheduleName, SchedulePage

if TYPE_CHECKING:
    from typing import Any

__all__ = ["delete_schedule", "emit", "pause_schedule", "put_schedule", "resume_schedule", "schedules"]

_JSON = ((b"content-type", b"application/json"),)


def emit(name: str, payload: bytes) -> Request[Emitted]:
    """With an id of its own, so that it can be sent again."""
    return _send("POST", "/events", Emit(name=name, payload=msgspec.Raw(payload), id=str(uuid.uuid4())), Emitted)


def schedules(task: str | None) -> Request[SchedulePage]:
    query = () if task is None else (("task", task),)
    return Request(method="GET", path="/schedules", read=reader(SchedulePage), query=query)


def put_schedule(body: PutSchedule) -> Request[ScheduleChanged]:
    return _send("PUT", "/schedules", body, ScheduleChanged)


def delete_schedule(task: str, name: str, *, cancel_running: bool) -> Request[ScheduleActed]:
    query = (("task", task), ("name", name), ("cancel_running", "true" if cancel_running else "false"))
    return Request(method="DELETE", path="/schedules", read=reader(ScheduleActed), query=query)


def pause_schedule(task: str, name: str) -> Request[ScheduleChanged]:
    return _send("POST", "/schedules/pause", ScheduleName(task=task, name=name), ScheduleChanged)


def resume_schedule(task: str, name: str) -> Request[ScheduleChanged]:
    return _send("POST", "/schedules/resume", ScheduleName(task=task, name=name), ScheduleChanged)


def _send(method: str, path: str, body: msgspec.Struct, kind: Any) -> Request[Any]:
    return Request(method=method, path=path, read=reader(kind), body=msgspec.json.encode(body), headers=_JSON)
