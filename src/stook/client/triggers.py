"""Events and schedules, of `Client` and `AsyncClient`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.core.payload import encode
from stook.engine.triggers import new_schedule

if TYPE_CHECKING:
    from stook.client.batch import Caller
    from stook.client.remote import RemoteBackend
    from stook.core.cron import Missed, Overlap
    from stook.core.schedule import Schedule

__all__ = ["AsyncTriggers", "BlockingTriggers"]


class AsyncTriggers:
    """Coroutines of `AsyncClient`."""

    _backend: RemoteBackend

    async def emit(self, event: str, payload: Any = None) -> str:
        """As `Client.emit`."""
        return await self._backend.emit(event, encode(payload))

    async def schedule(
        self,
        task: str,
        name: str,
        cron: str,
        payload: Any = None,
        *,
        tz: str = "UTC",
        priority: int = 0,
        missed: Missed = "one",
        overlap: Overlap = "allow",
    ) -> Schedule:
        """As `Client.schedule`."""
        new = new_schedule(name, cron, encode(payload), tz=tz, priority=priority, missed=missed, overlap=overlap)
        return await self._backend.schedule(task, new)

    async def unschedule(self, task: str, name: str, *, cancel_running: bool = True) -> bool:
        """As `Client.unschedule`."""
        return await self._backend.unschedule(task, name, cancel_running=cancel_running)

    async def schedules(self, task: str | None = None) -> list[Schedule]:
        """As `Client.schedules`."""
        return await self._backend.schedules(task)

    async def pause_schedule(self, task: str, name: str) -> Schedule:
        """As `Client.pause_schedule`."""
        return await self._backend.pause_schedule(task, name)

    async def resume_schedule(self, task: str, name: str) -> Schedule:
        """As `Client.resume_schedule`."""
        return await self._backend.resume_schedule(task, name)


class BlockingTriggers:
    """The same, of `Client`."""

    _backend: RemoteBackend
    _caller: Caller

    def emit(self, event: str, payload: Any = None) -> str:
        """The event's id. It, and an execution of each task that listens to it, are durable when this returns; nobody
        has to listen."""
        return self._caller.call(self._backend.emit(event, encode(payload)))

    def schedule(
        self,
        task: str,
        name: str,
        cron: str,
        payload: Any = None,
        *,
        tz: str = "UTC",
        priority: int = 0,
        missed: Missed = "one",
        overlap: Overlap = "allow",
    ) -> Schedule:
        """Runs the task at the times of `cron`, from now on, until `unschedule`; `Cron` says what the rest means. The
        same name overwrites; `Conflict` for the name of a schedule that stands in the task's code, `UnknownTask` for a
        task that no worker has told of."""
        new = new_schedule(name, cron, encode(payload), tz=tz, priority=priority, missed=missed, overlap=overlap)
        return self._caller.call(self._backend.schedule(task, new))

    def unschedule(self, task: str, name: str, *, cancel_running: bool = True) -> bool:
        """No tick comes any more. What the schedule started and has not begun is cancelled, and with `cancel_running`
        what runs is stopped. False: there is no such schedule."""
        return self._caller.call(self._backend.unschedule(task, name, cancel_running=cancel_running))

    def schedules(self, task: str | None = None) -> list[Schedule]:
        """Those in code and those made at run time, by task and name."""
        return self._caller.call(self._backend.schedules(task))

    def pause_schedule(self, task: str, name: str) -> Schedule:
        """Its ticks pass until it is resumed. `NotFound`."""
        return self._caller.call(self._backend.pause_schedule(task, name))

    def resume_schedule(self, task: str, name: str) -> Schedule:
        """It goes on with the next tick from now. `NotFound`."""
        return self._caller.call(self._backend.resume_schedule(task, name))
