"""What starts tasks beside invocations, wherever the store is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stook.core.schedule import Schedule
    from stook.store.script.schedule_row import NewSchedule

__all__ = ["Triggers"]


class Triggers(Protocol):
    """As `stook.engine.triggers.Triggering` documents each."""

    async def emit(self, name: str, payload: bytes) -> str: ...

    async def schedule(self, task: str, new: NewSchedule) -> Schedule: ...

    async def unschedule(self, task: str, name: str, *, cancel_running: bool = True) -> bool: ...

    async def schedules(self, task: str | None = None) -> list[Schedule]: ...

    async def pause_schedule(self, task: str, name: str) -> Schedule: ...

    async def resume_schedule(self, task: str, name: str) -> Schedule: ...
