"""What handlers of a worker afar ask of the rest of stook, in MessagePack. One request is one of these."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["AskOutside", "Asked", "CancelExecution", "Done", "DropSchedule", "EmitEvent", "PutSchedule"]

Text = Annotated[str, msgspec.Meta(max_length=1000)]


class EmitEvent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="emit"):
    name: Text
    payload: bytes
    trace: Annotated[str, msgspec.Meta(max_length=4096)] | None = None


class CancelExecution(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="cancel"):
    execution: Text
    reason: Annotated[str, msgspec.Meta(max_length=8192)]
    children: bool = True


class PutSchedule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="schedule"):
    task: Text
    name: Text
    cron: Text
    payload: bytes
    tz: Text = "UTC"
    priority: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)] = 0
    missed: Literal["one", "skip", "all"] = "one"
    overlap: Literal["allow", "skip", "queue"] = "allow"


class DropSchedule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="unschedule"):
    task: Text
    name: Text
    cancel_running: bool = True


Asked = EmitEvent | CancelExecution | PutSchedule | DropSchedule


class AskOutside(msgspec.Struct, forbid_unknown_fields=True):
    asked: Asked


class Done(msgspec.Struct):
    """`done`: something was there to be done. `id` is the event's."""

    done: bool
    id: str | None = None
